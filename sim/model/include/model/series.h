// Curves made from the history: the bucket's level, and the offered and admitted rate.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tat.h"
#include "model/history.h"

namespace sluice::sim {

/// How many tokens a bucket holds with this backlog: C - b / I. Negative while in debt.
double LevelOf(const TatRule& rule, Nanos backlog);

struct LevelPoint {
  Nanos at{0};
  double level = 0;
};

/// The level of a caller's bucket over [from, to] as the corners of a polyline: it rises straight,
/// is cut at the capacity, and drops upright at each admitted request. Worked out from decisions:
/// between two of them a backlog shrinks by one nanosecond a nanosecond. Starts later than `from`
/// where older requests have been dropped.
/// Preconditions: from <= to; the history has a rule.
std::vector<LevelPoint> LevelCurve(const History& history, std::uint32_t caller, Nanos from,
                                   Nanos to);

struct RateBucket {
  Nanos start{0};
  std::int64_t offered = 0;   ///< cost units asked for in [start, start + width)
  std::int64_t admitted = 0;  ///< of these, admitted
};

/// Cost units of a caller by buckets of `width` (> 0), aligned to time 0: every bucket that touches
/// [from, to], the empty ones too.
std::vector<RateBucket> RateBuckets(const History& history, std::uint32_t caller, Nanos from,
                                    Nanos to, Nanos width);

/// The same, over (from, to] as one.
RateBucket RateOver(const History& history, std::uint32_t caller, Nanos from, Nanos to);

}  // namespace sluice::sim
