// The offered and admitted rate, made from the history.
#pragma once

#include <cstdint>
#include <vector>

#include "model/history.h"

namespace sluice::sim {

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
