// Offered and admitted rates, computed from the history.
#pragma once

#include <cstdint>
#include <vector>

#include "model/history.h"

namespace sluice::sim {

struct RateBucket {
  Nanos start{0};
  std::int64_t offered = 0;   ///< cost units requested in [start, start + width)
  std::int64_t admitted = 0;  ///< of these, admitted
};

/// A caller's cost units in buckets of `width` (> 0), aligned to time 0. Covers every bucket that
/// touches [from, to], empty ones too.
std::vector<RateBucket> RateBuckets(const History& history, std::uint32_t caller, Nanos from,
                                    Nanos to, Nanos width);

/// The same for (from, to] as one bucket.
RateBucket RateOver(const History& history, std::uint32_t caller, Nanos from, Nanos to);

}  // namespace sluice::sim
