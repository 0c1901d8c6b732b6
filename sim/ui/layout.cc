// The parts of the window: a header, three columns, the controls.
#include "layout.h"

#include <algorithm>

namespace sluice::sim {
namespace {

// At scale 1.
constexpr float kLow = 520;
constexpr float kOneLine = 50;
constexpr float kTwoLines = 76;

}  // namespace

Layout Arrange(float width, float height, float scale, int control_rows) {
  const float gap = 10 * scale;
  const float inner = width - 2 * gap;
  // A low window shows only the state, the timeline and the explanation.
  const bool low = height < kLow * scale;
  const float header_height = (low ? kOneLine : kTwoLines) * scale;
  // The controls get a third of the height at most, but always one row: the pictures matter more.
  const auto most_rows = static_cast<int>((height / 3 / scale - 22) / 48);
  const auto rows = static_cast<float>(std::clamp(control_rows, 1, std::max(most_rows, 1)));
  const float controls_height = (22 + 48 * rows) * scale;

  Layout layout;
  layout.header = {gap, gap, inner, header_height};
  layout.controls = {gap, height - gap - controls_height, inner, controls_height};

  const float top = layout.header.bottom() + gap;
  const float middle = std::max(layout.controls.y - gap - top, 120 * scale);
  const float left = std::clamp(0.2F * width, 184 * scale, 260 * scale);
  const float right = std::clamp(0.3F * width, 272 * scale, 384 * scale);
  const float centre = inner - left - right - 2 * gap;

  layout.state = {gap, top, left, middle};
  layout.timeline = {layout.state.right() + gap, top, centre, middle};
  if (!low) {
    const float totals = std::clamp(0.27F * middle, 112 * scale, 150 * scale);
    layout.state.height -= totals + gap;
    layout.totals = {gap, layout.state.bottom() + gap, left, totals};
    const float rates = 0.38F * (middle - gap);
    layout.timeline.height -= rates + gap;
    layout.rates = {layout.timeline.x, layout.timeline.bottom() + gap, centre, rates};
  }
  layout.explain = {layout.timeline.right() + gap, top, right, middle};
  return layout;
}

}  // namespace sluice::sim
