// The plot of the timeline, and what windows and queues add to it.
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
  double top_level;  // what the plot's top edge stands for

  float Y(double level) const {
    const double share = std::clamp(level / top_level, 0.0, 1.0);
    return plot.bottom() - static_cast<float>(share) * plot.height;
  }
  /// X(at), kept inside the plot.
  float ClampedX(Nanos at) const {
    return std::clamp(axis.X(std::clamp(at, axis.from(), axis.to())), plot.x, plot.right());
  }
};

/// Behind the curve: where windows begin and end, and the frame of the last one up to now.
void DrawWindowFrames(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller);

/// Over the curve: the span as long as a window in which most was admitted, and how much that is.
void DrawBusiestSpan(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller);

/// Of a shaping policy: a stroke where each admitted request goes on.
void DrawDepartures(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller,
                    float y);

}  // namespace sluice::sim
