// A card at a fixed place, and the list of panels.
#pragma once

#include <string_view>

#include "model/player.h"
#include "pen.h"
#include "view.h"

namespace sluice::sim {

/// Exists while the panel is drawn. ImGui's controls and pen() draw into it until it is destroyed.
class Panel {
 public:
  /// `title` may be empty. `scrolls`: the user can scroll to hidden content.
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

// One file each. They draw the model and own no rules; the controls call the player.
void DrawHeader(const Rect& rect, const Player& player, const View& view, const Look& look);
void DrawState(const Rect& rect, const Simulation& simulation, const View& view, const Look& look);
void DrawTotals(const Rect& rect, const Simulation& simulation, const View& view, const Look& look);
void DrawTimeline(const Rect& rect, const Simulation& simulation, View& view, const Look& look);
void DrawRates(const Rect& rect, const Simulation& simulation, const View& view, const Look& look);
void DrawExplain(const Rect& rect, const Simulation& simulation, View& view, const Look& look);
/// The number of rows that the controls need in a window of that width.
int ControlRows(float width, const Simulation& simulation, const Look& look);
void DrawControls(const Rect& rect, Player& player, View& view, const Look& look);

}  // namespace sluice::sim
