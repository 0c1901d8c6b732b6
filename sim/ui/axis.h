// The time axis of all charts, and round numbers for scales.
#pragma once

#include <vector>

#include "core/time.h"
#include "pen.h"
#include "view.h"

namespace sluice::sim {

/// Maps virtual time to pixels. The charts are stacked and share their left and right edges.
class TimeAxis {
 public:
  /// The axis of a chart panel with this content. It shows the last `view.window` before `now`, or
  /// the first one until that much time has passed.
  TimeAxis(const Rect& content, Nanos now, const View& view, const Look& look);

  Nanos from() const { return from_; }
  Nanos to() const { return to_; }
  float left() const { return left_; }
  float right() const { return right_; }
  float X(Nanos at) const;
  /// Time labels below `y`, and grid lines up to `top`.
  void Draw(const Pen& pen, const Look& look, float top, float y) const;

 private:
  Nanos from_;
  Nanos to_;
  float left_;
  float right_;
};

/// The smallest of 1, 2, 5, 10, 20, ... that divides `range` (> 0) into at most `most` steps.
double RoundStep(double range, int most);

}  // namespace sluice::sim
