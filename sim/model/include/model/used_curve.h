// The curve of the units of a limit in use.
#pragma once

#include <cstdint>
#include <vector>

#include "model/history.h"

namespace sluice::sim {

struct UsedPoint {
  Nanos at{0};
  double used = 0;
};

/// A caller's use of the limit over [from, to], as the corners of a polyline. It rises upright at
/// each admitted request, and falls as its algorithm forgets. Replays the history; starts later
/// than `from` where requests that still counted then have been dropped. Preconditions: from <= to;
/// the history has a policy.
std::vector<UsedPoint> UsedCurve(const History& history, std::uint32_t caller, Nanos from,
                                 Nanos to);

}  // namespace sluice::sim
