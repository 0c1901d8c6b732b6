// A card at a fixed place; and the list of panels.
#pragma once

#include <string_view>

#include "model/player.h"
#include "pen.h"
#include "view.h"

namespace sluice::sim {

/// Lives as long as the panel is drawn. Between construction and destruction ImGui's controls and
/// pen() go into it.
class Panel {
 public:
  /// `title` may be empty. `scrolls`: what does not fit can be scrolled to.
  Panel(const char* id, const Rect& rect, const Look& look, std::string_view title,
        bool scrolls = false);
  ~Panel();
  Panel(const Panel&) = delete;
  Panel& operator=(const Panel&) = delete;

  const Pen& pen() const { return pen_; }
  /// Inside the padding, below the title.
  const Rect& content() const { return content_; }

 private:
  Pen pen_;
  Rect content_;
};

// One file each. They draw the model as it is and own no rules; controls call the player.
void DrawHeader(const Rect& rect, const Player& player, const View& view, const Look& look);
void DrawState(const Rect& rect, const Simulation& simulation, const View& view, const Look& look);
void DrawTotals(const Rect& rect, const Simulation& simulation, const View& view, const Look& look);
void DrawTimeline(const Rect& rect, const Simulation& simulation, View& view, const Look& look);
void DrawRates(const Rect& rect, const Simulation& simulation, const View& view, const Look& look);
void DrawExplain(const Rect& rect, const Simulation& simulation, View& view, const Look& look);
/// How many rows the controls need in a window that wide.
int ControlRows(float width, const Simulation& simulation, const Look& look);
void DrawControls(const Rect& rect, Player& player, View& view, const Look& look);

}  // namespace sluice::sim
