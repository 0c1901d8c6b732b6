// Colours, dark and light.
#pragma once

#include <cstdint>

#include "imgui.h"

namespace sluice::sim {

enum class Theme : std::uint8_t { kDark, kLight };

/// Admitted and denied differ for colour-blind users too, and always in shape as well.
struct Palette {
  ImU32 background;
  ImU32 panel;
  ImU32 border;
  ImU32 text;
  ImU32 muted;
  ImU32 grid;
  ImU32 water;
  ImU32 water_edge;
  ImU32 inflow;
  ImU32 admitted;
  ImU32 denied;
  ImU32 offered;
  ImU32 control;
  ImU32 control_hot;
  ImU32 action;
  ImU32 action_text;
};

const Palette& PaletteOf(Theme theme);

/// The same colour with another opacity, 0 to 1.
ImU32 Faded(ImU32 colour, float opacity);

/// Sets the current ImGui context's style.
void ApplyTheme(const Palette& palette, float scale);

}  // namespace sluice::sim
