// The typefaces of the window, embedded in the program.
#pragma once

#include "imgui.h"

namespace sluice::sim {

struct Fonts {
  ImFont* body = nullptr;
  ImFont* small = nullptr;
  ImFont* strong = nullptr;   ///< body size, medium weight
  ImFont* heading = nullptr;  ///< for verdicts
  ImFont* title = nullptr;    ///< for the window's title
  ImFont* number = nullptr;   ///< for the level
};

/// Adds the fonts to the current ImGui context's atlas, at `scale` times their plain sizes.
Fonts LoadFonts(float scale);

}  // namespace sluice::sim
