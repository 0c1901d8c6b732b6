// The plot of the timeline, with the extras of windows and queues.
#pragma once

#include <algorithm>
#include <cstdint>

#include "axis.h"
#include "model/simulation.h"
#include "pen.h"

namespace sluice::sim {

struct LevelChart {
  const Pen& pen;
  const Look& look;
  const TimeAxis& axis;
  Rect plot;
  double top_level;  // the value at the plot's top edge

  float Y(double level) const {
    const double share = std::clamp(level / top_level, 0.0, 1.0);
    return plot.bottom() - static_cast<float>(share) * plot.height;
  }
  /// X(at), limited to the plot.
  float ClampedX(Nanos at) const {
    return std::clamp(axis.X(std::clamp(at, axis.from(), axis.to())), plot.x, plot.right());
  }
};

/// Behind the curve: the window boundaries, and the frame of the last window up to now.
void DrawWindowFrames(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller);

/// Over the curve: the busiest span as long as a window, and its admitted units.
void DrawBusiestSpan(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller);

/// For a shaping policy: a stroke at the departure time of each admitted request.
void DrawDepartures(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller,
                    float y);

}  // namespace sluice::sim
