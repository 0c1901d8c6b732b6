// The program's interface to a window system: frames and pixels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "theme.h"

namespace sluice::sim {

/// Rows from the top; three bytes a pixel: red, green, blue.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

struct BackendOptions {
  int width = 1280;
  int height = 800;
  ImU32 background = 0;
  /// Draw into memory of exactly this size, without a visible window.
  bool offscreen = false;
};

/// Use it from the main thread, while a Screen exists.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Takes input and begins an ImGui frame. False when the window should close.
  virtual bool BeginFrame() = 0;
  /// Draws ImGui's commands of this frame and shows them.
  virtual void EndFrame() = 0;
  /// The last drawn frame.
  virtual Image Capture() = 0;
};

/// Opens a window with GLFW and OpenGL 3. Null if there is no display or no OpenGL, with the reason
/// in `error`.
std::unique_ptr<Backend> OpenWindow(const BackendOptions& options, std::string& error);

}  // namespace sluice::sim
