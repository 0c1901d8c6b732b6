// The keyboard's shortcuts.
#pragma once

namespace sluice::sim {

enum class Key { kSend, kPlay, kStep, kRestart };

/// Whether it went down in this frame (or repeats) and no text field wants it.
bool KeyPressed(Key key);

}  // namespace sluice::sim
