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

struct Layout {
  Rect header;
  Rect bucket;
  Rect totals;
  Rect timeline;
  Rect rates;
  Rect explain;
  Rect controls;
};

/// Fills a window of width x height pixels at the given scale (1 = 96 dpi) without overlap.
/// `controls` is how wide the controls are in one row; in a narrower window they get two.
Layout Arrange(float width, float height, float scale, float controls);

}  // namespace sluice::sim
