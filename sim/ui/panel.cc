// The ImGui window behind a panel.
#include "panel.h"

namespace sluice::sim {
namespace {

ImDrawList* Open(const char* id, const Rect& rect, bool scrolls) {
  ImGui::SetNextWindowPos({rect.x, rect.y});
  ImGui::SetNextWindowSize({rect.width, rect.height});
  ImGuiWindowFlags flags = ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                           ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoCollapse |
                           ImGuiWindowFlags_NoSavedSettings |
                           ImGuiWindowFlags_NoBringToFrontOnFocus;
  if (!scrolls) flags |= ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse;
  ImGui::Begin(id, nullptr, flags);
  return ImGui::GetWindowDrawList();
}

}  // namespace

Panel::Panel(const char* id, const Rect& rect, const Look& look, std::string_view title,
             bool scrolls)
    : pen_(Open(id, rect, scrolls), look) {
  if (!title.empty()) {
    ImGui::PushFont(look.fonts.strong);
    ImGui::TextUnformatted(title.data(), title.data() + title.size());
    ImGui::PopFont();
  }
  const ImVec2 padding = ImGui::GetStyle().WindowPadding;
  const float top = title.empty() ? rect.y + padding.y : ImGui::GetCursorScreenPos().y;
  content_ = {rect.x + padding.x, top, rect.width - 2 * padding.x, rect.bottom() - padding.y - top};
}

Panel::~Panel() { ImGui::End(); }

}  // namespace sluice::sim
