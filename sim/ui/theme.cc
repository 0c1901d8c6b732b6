// The palettes, and ImGui's own colours derived from them.
#include "theme.h"

#include <cmath>

namespace sluice::sim {
namespace {

constexpr ImU32 Rgb(std::uint32_t hex) {
  return IM_COL32((hex >> 16) & 0xFF, (hex >> 8) & 0xFF, hex & 0xFF, 0xFF);
}

constexpr Palette kDark{
    .background = Rgb(0x0E1318),
    .panel = Rgb(0x171E26),
    .border = Rgb(0x2B3642),
    .text = Rgb(0xE8EEF4),
    .muted = Rgb(0x9AA8B6),
    .grid = Rgb(0x27313B),
    .water = Rgb(0x2672D8),
    .water_edge = Rgb(0x7DB8FF),
    .inflow = Rgb(0x7DB8FF),
    .admitted = Rgb(0x3FC796),
    .denied = Rgb(0xFF7A4D),
    .offered = Rgb(0x8896A5),
    .control = Rgb(0x28333E),
    .control_hot = Rgb(0x364452),
    .action = Rgb(0x2566C4),
    .action_text = Rgb(0xFFFFFF),
};

constexpr Palette kLight{
    .background = Rgb(0xE9EDF2),
    .panel = Rgb(0xFFFFFF),
    .border = Rgb(0xCBD4DD),
    .text = Rgb(0x18202A),
    .muted = Rgb(0x56626F),
    .grid = Rgb(0xE3E8ED),
    .water = Rgb(0x6FB1F7),
    .water_edge = Rgb(0x1A63BD),
    .inflow = Rgb(0x1A63BD),
    .admitted = Rgb(0x0B8057),
    .denied = Rgb(0xC63F12),
    .offered = Rgb(0x8493A2),
    .control = Rgb(0xE6EBF0),
    .control_hot = Rgb(0xD6DEE6),
    .action = Rgb(0x1A63BD),
    .action_text = Rgb(0xFFFFFF),
};

}  // namespace

const Palette& PaletteOf(Theme theme) { return theme == Theme::kDark ? kDark : kLight; }

ImU32 Faded(ImU32 colour, float opacity) {
  const auto alpha = static_cast<ImU32>(std::lround(255.0F * opacity));
  return (colour & ~IM_COL32_A_MASK) | (alpha << IM_COL32_A_SHIFT);
}

void ApplyTheme(const Palette& palette, float scale) {
  ImGuiStyle style;
  style.WindowPadding = {14, 11};
  style.WindowRounding = 8;
  style.WindowBorderSize = 1;
  style.FramePadding = {8, 4};
  style.FrameRounding = 5;
  style.GrabRounding = 4;
  style.GrabMinSize = 12;
  style.ItemSpacing = {10, 4};
  style.ItemInnerSpacing = {4, 4};
  style.ScrollbarSize = 10;
  style.ScaleAllSizes(scale);
  style.WindowMinSize = {1, 1};  // the smallest that ImGui accepts

  const auto set = [&style](ImGuiCol which, ImU32 colour) {
    style.Colors[which] = ImGui::ColorConvertU32ToFloat4(colour);
  };
  set(ImGuiCol_Text, palette.text);
  set(ImGuiCol_TextDisabled, palette.muted);
  set(ImGuiCol_WindowBg, palette.panel);
  set(ImGuiCol_PopupBg, palette.panel);
  set(ImGuiCol_Border, palette.border);
  set(ImGuiCol_FrameBg, palette.control);
  set(ImGuiCol_FrameBgHovered, palette.control_hot);
  set(ImGuiCol_FrameBgActive, palette.control_hot);
  set(ImGuiCol_Button, palette.control);
  set(ImGuiCol_ButtonHovered, palette.control_hot);
  set(ImGuiCol_ButtonActive, palette.control_hot);
  set(ImGuiCol_Header, palette.control);
  set(ImGuiCol_HeaderHovered, palette.control_hot);
  set(ImGuiCol_HeaderActive, palette.control_hot);
  set(ImGuiCol_SliderGrab, palette.inflow);
  set(ImGuiCol_SliderGrabActive, palette.inflow);
  set(ImGuiCol_TextSelectedBg, Faded(palette.action, 0.5F));
  set(ImGuiCol_ScrollbarBg, palette.panel);
  set(ImGuiCol_ScrollbarGrab, palette.control_hot);
  ImGui::GetStyle() = style;
}

}  // namespace sluice::sim
