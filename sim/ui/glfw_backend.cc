// The window: GLFW for input, OpenGL 3 for pixels.
#define GL_GLEXT_PROTOTYPES
#define GLFW_INCLUDE_GLEXT
#include <GLFW/glfw3.h>

#include <algorithm>
#include <cstddef>

#include "backend.h"
#include "backends/imgui_impl_glfw.h"
#include "backends/imgui_impl_opengl3.h"
#include "imgui.h"

namespace sluice::sim {
namespace {

// GLFW's last error; its callback cannot pass it on in another way.
std::string& LastError() {
  thread_local std::string error;
  return error;
}

// A drawing target of a chosen size, without a visible window.
class Canvas {
 public:
  Canvas(int width, int height) {
    glGenTextures(1, &texture_);
    glBindTexture(GL_TEXTURE_2D, texture_);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    glGenFramebuffers(1, &framebuffer_);
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture_, 0);
  }
  ~Canvas() {
    glDeleteFramebuffers(1, &framebuffer_);
    glDeleteTextures(1, &texture_);
  }
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  bool complete() const {
    return glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE;
  }

 private:
  GLuint texture_ = 0;
  GLuint framebuffer_ = 0;
};

class GlfwBackend final : public Backend {
 public:
  explicit GlfwBackend(const BackendOptions& options) : options_(options) {}

  ~GlfwBackend() override {
    if (imgui_started_) {
      ImGui_ImplOpenGL3_Shutdown();
      ImGui_ImplGlfw_Shutdown();
    }
    canvas_.reset();  // before its context goes
    if (window_ != nullptr) glfwDestroyWindow(window_);
    glfwTerminate();
  }
  GlfwBackend(const GlfwBackend&) = delete;
  GlfwBackend& operator=(const GlfwBackend&) = delete;

  bool Open() {
    glfwSetErrorCallback([](int, const char* text) { LastError() = text; });
    if (glfwInit() == GLFW_FALSE) return false;
    // From 3.2 on ImGui can draw more than 65,536 corners, which busy charts need.
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 2);
    glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
    glfwWindowHint(GLFW_VISIBLE, options_.offscreen ? GLFW_FALSE : GLFW_TRUE);
    window_ =
        glfwCreateWindow(options_.width, options_.height, "Sluice simulator", nullptr, nullptr);
    if (window_ == nullptr) return false;
    glfwSetWindowSizeLimits(window_, 640, 400, GLFW_DONT_CARE, GLFW_DONT_CARE);
    glfwMakeContextCurrent(window_);
    glfwSwapInterval(1);
    if (options_.offscreen) {
      canvas_ = std::make_unique<Canvas>(options_.width, options_.height);
      if (!canvas_->complete()) {
        LastError() = "OpenGL cannot draw a picture of this size";
        return false;
      }
    }
    ImGui_ImplGlfw_InitForOpenGL(window_, true);
    ImGui_ImplOpenGL3_Init("#version 150");
    imgui_started_ = true;
    return true;
  }

  bool BeginFrame() override {
    glfwPollEvents();
    if (glfwWindowShouldClose(window_) != GLFW_FALSE) return false;
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    if (options_.offscreen) {
      ImGuiIO& io = ImGui::GetIO();
      io.DisplaySize = {static_cast<float>(options_.width), static_cast<float>(options_.height)};
      io.DisplayFramebufferScale = {1, 1};
      io.MousePos = {-FLT_MAX, -FLT_MAX};  // keep the pointer out of screenshots
    }
    ImGui::NewFrame();
    return true;
  }

  void EndFrame() override {
    ImGui::Render();
    if (options_.offscreen) {
      width_ = options_.width;
      height_ = options_.height;
    } else {
      glfwGetFramebufferSize(window_, &width_, &height_);
    }
    const ImVec4 colour = ImGui::ColorConvertU32ToFloat4(options_.background);
    glViewport(0, 0, width_, height_);
    glClearColor(colour.x, colour.y, colour.z, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    if (!options_.offscreen) glfwSwapBuffers(window_);
  }

  Image Capture() override {
    Image image{width_, height_, {}};
    const std::size_t row = static_cast<std::size_t>(width_) * 3;
    image.rgb.resize(row * static_cast<std::size_t>(height_));
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    glReadPixels(0, 0, width_, height_, GL_RGB, GL_UNSIGNED_BYTE, image.rgb.data());
    // OpenGL counts rows from the bottom.
    for (std::size_t top = 0, bottom = static_cast<std::size_t>(height_) - 1; top < bottom;
         ++top, --bottom) {
      const auto upper = image.rgb.begin() + static_cast<std::ptrdiff_t>(top * row);
      const auto lower = image.rgb.begin() + static_cast<std::ptrdiff_t>(bottom * row);
      std::swap_ranges(upper, upper + static_cast<std::ptrdiff_t>(row), lower);
    }
    return image;
  }

 private:
  BackendOptions options_;
  GLFWwindow* window_ = nullptr;
  std::unique_ptr<Canvas> canvas_;
  bool imgui_started_ = false;
  int width_ = 0;
  int height_ = 0;
};

}  // namespace

std::unique_ptr<Backend> OpenWindow(const BackendOptions& options, std::string& error) {
  auto backend = std::make_unique<GlfwBackend>(options);
  if (backend->Open()) return backend;
  error = LastError();
  return nullptr;
}

}  // namespace sluice::sim
