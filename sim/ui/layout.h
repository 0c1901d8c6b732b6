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

/// A panel without room in a low window has height 0.
struct Layout {
  Rect header;
  Rect state;
  Rect totals;
  Rect timeline;
  Rect rates;
  Rect explain;
  Rect controls;
};

/// Fills a window of width x height pixels at the given scale (1 = 96 dpi), without overlap.
/// The controls need `control_rows` rows; in a low window they get fewer, and scroll.
Layout Arrange(float width, float height, float scale, int control_rows);

}  // namespace sluice::sim
