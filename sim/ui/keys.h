// The keyboard's shortcuts.
#pragma once

#include "imgui.h"

namespace sluice::sim {

enum class Key { kSend, kPlay, kStep, kRestart };

/// What ImGui knows a key by. Before 1.87 it took whatever codes the platform used: GLFW's.
#if IMGUI_VERSION_NUM >= 18700
using KeyCode = ImGuiKey;
#else
using KeyCode = int;
#endif

KeyCode CodeOf(Key key);

/// Whether it went down in this frame (or repeats) and no text field wants it.
bool KeyPressed(Key key);

}  // namespace sluice::sim
