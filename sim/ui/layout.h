// Where the panels go.
#pragma once

namespace sluice::sim {

struct Rect {
  float x = 0;
  float y = 0;
  float width = 0;
  float height = 0;

  float right() const { return x + width; }
  float bottom() const { return y + height; }
};

/// A panel that the window is too low for has no height.
struct Layout {
  Rect header;
  Rect state;
  Rect totals;
  Rect timeline;
  Rect rates;
  Rect explain;
  Rect controls;
};

/// Fills a window of width x height pixels at the given scale (1 = 96 dpi) without overlap.
/// `control_rows` is how many rows the controls need; in a low window they get fewer, and scroll.
Layout Arrange(float width, float height, float scale, int control_rows);

}  // namespace sluice::sim
