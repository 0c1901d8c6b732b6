// The typefaces of the window, embedded in the program.
#pragma once

#include "imgui.h"

namespace sluice::sim {

struct Fonts {
  ImFont* body = nullptr;
  ImFont* small = nullptr;
  ImFont* strong = nullptr;   ///< body size, medium weight
  ImFont* heading = nullptr;  ///< of a verdict
  ImFont* title = nullptr;    ///< of the window
  ImFont* number = nullptr;   ///< the level
};

/// Adds the fonts to the current ImGui context's atlas, at `scale` times their plain sizes.
Fonts LoadFonts(float scale);

}  // namespace sluice::sim
