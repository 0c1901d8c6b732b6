// The panels on the window.
#include "screen.h"

#include "layout.h"

namespace sluice::sim {

Screen::Screen(Theme theme, float scale) {
  IMGUI_CHECKVERSION();
  ImGui::CreateContext();
  ImGui::GetIO().IniFilename = nullptr;  // no file with window positions
  ImGui::GetIO().LogFilename = nullptr;
  look_ = {.palette = PaletteOf(theme), .fonts = LoadFonts(scale), .scale = scale};
  ApplyTheme(look_.palette, scale);
}

Screen::~Screen() { ImGui::DestroyContext(); }

void Screen::Draw(Player& player, View& view) const {
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  const int rows = ControlRows(size.x, player.simulation(), look_);
  const Layout layout = Arrange(size.x, size.y, look_.scale, rows);
  // Controls first, so that their changes show in this frame.
  DrawControls(layout.controls, player, view, look_);
  const Simulation& simulation = player.simulation();
  DrawHeader(layout.header, player, view, look_);
  DrawState(layout.state, simulation, view, look_);
  if (layout.totals.height > 0) DrawTotals(layout.totals, simulation, view, look_);
  DrawTimeline(layout.timeline, simulation, view, look_);
  if (layout.rates.height > 0) DrawRates(layout.rates, simulation, view, look_);
  DrawExplain(layout.explain, simulation, view, look_);
}

}  // namespace sluice::sim
