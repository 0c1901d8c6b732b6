// The whole window: an ImGui context with our look, and all panels.
#pragma once

#include "model/player.h"
#include "panel.h"
#include "theme.h"
#include "view.h"

namespace sluice::sim {

/// Owns the ImGui context. One at a time; a backend draws into it.
class Screen {
 public:
  Screen(Theme theme, float scale);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  const Look& look() const { return look_; }

  /// Draws one frame. Precondition: between ImGui::NewFrame and ImGui::Render.
  void Draw(Player& player, View& view) const;

 private:
  Look look_;
};

}  // namespace sluice::sim
