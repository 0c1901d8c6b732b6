// Key presses, by the API of the installed ImGui version.
#include "keys.h"

#include <GLFW/glfw3.h>

namespace sluice::sim {

KeyCode CodeOf(Key key) {
#if IMGUI_VERSION_NUM >= 18700
  constexpr KeyCode kCodes[] = {ImGuiKey_Space, ImGuiKey_P, ImGuiKey_N, ImGuiKey_R};
#else
  constexpr KeyCode kCodes[] = {GLFW_KEY_SPACE, GLFW_KEY_P, GLFW_KEY_N, GLFW_KEY_R};
#endif
  return kCodes[static_cast<int>(key)];
}

bool KeyPressed(Key key) {
  return !ImGui::GetIO().WantTextInput && ImGui::IsKeyPressed(CodeOf(key));
}

}  // namespace sluice::sim
