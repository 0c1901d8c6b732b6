// How much of a limit is in use, at a moment and as a curve.
#pragma once

#include <cstdint>
#include <vector>

#include "core/policy.h"
#include "model/history.h"

namespace sluice::sim {

/// Units of the limit in use: of a TAT policy what is undrained (above the limit while in debt), of
/// windows the count or the estimate, of a log its sum, of slots those held.
double UsedOf(const Algorithm& algorithm, const Reading& reading);

struct UsedPoint {
  Nanos at{0};
  double used = 0;
};

/// What a caller used over [from, to] as the corners of a polyline: it rises upright at each
/// admitted request, and falls as its algorithm forgets. Worked out from the history. Starts later
/// than `from` where requests that still counted then have been dropped.
/// Preconditions: from <= to; the history has a policy.
std::vector<UsedPoint> UsedCurve(const History& history, std::uint32_t caller, Nanos from,
                                 Nanos to);

}  // namespace sluice::sim
