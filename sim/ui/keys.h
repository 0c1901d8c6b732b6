// The keyboard's shortcuts.
#pragma once

#include "imgui.h"

namespace sluice::sim {

enum class Key { kSend, kPlay, kStep, kRestart };

/// ImGui's code for a key. Before 1.87 that was the platform's code: GLFW's.
#if IMGUI_VERSION_NUM >= 18700
using KeyCode = ImGuiKey;
#else
using KeyCode = int;
#endif

KeyCode CodeOf(Key key);

/// Whether the key went down in this frame (or repeats) and no text field has the focus.
bool KeyPressed(Key key);

}  // namespace sluice::sim
