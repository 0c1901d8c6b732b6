// What the program needs of a window system: frames and pixels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "theme.h"

namespace sluice::sim {

/// Rows from the top, three bytes a pixel: red, green, blue.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

struct BackendOptions {
  int width = 1280;
  int height = 800;
  ImU32 background = 0;
  /// Draw into memory of exactly this size; no window is shown.
  bool offscreen = false;
};

/// To be used from the main thread, while a Screen lives.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Takes input and begins an ImGui frame. False once the window is to close.
  virtual bool BeginFrame() = 0;
  /// Draws what ImGui was given since, and shows it.
  virtual void EndFrame() = 0;
  /// The frame drawn last.
  virtual Image Capture() = 0;
};

/// Opens a window by GLFW and OpenGL 3. Null if there is no display or no OpenGL, with the reason
/// in `error`.
std::unique_ptr<Backend> OpenWindow(const BackendOptions& options, std::string& error);

}  // namespace sluice::sim
