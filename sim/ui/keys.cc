// Asks ImGui for keys, in the way of its version.
#include "keys.h"

#include <GLFW/glfw3.h>

#include "imgui.h"

namespace sluice::sim {
namespace {

#if IMGUI_VERSION_NUM >= 18700
ImGuiKey CodeOf(Key key) {
  switch (key) {
    case Key::kSend:
      return ImGuiKey_Space;
    case Key::kPlay:
      return ImGuiKey_P;
    case Key::kStep:
      return ImGuiKey_N;
    case Key::kRestart:
      return ImGuiKey_R;
  }
  return ImGuiKey_None;
}
#else
// Before 1.87 ImGui took whatever codes the platform used.
int CodeOf(Key key) {
  switch (key) {
    case Key::kSend:
      return GLFW_KEY_SPACE;
    case Key::kPlay:
      return GLFW_KEY_P;
    case Key::kStep:
      return GLFW_KEY_N;
    case Key::kRestart:
      return GLFW_KEY_R;
  }
  return GLFW_KEY_UNKNOWN;
}
#endif

}  // namespace

bool KeyPressed(Key key) {
  return !ImGui::GetIO().WantTextInput && ImGui::IsKeyPressed(CodeOf(key));
}

}  // namespace sluice::sim
