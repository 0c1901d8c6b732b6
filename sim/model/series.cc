// Sums of units by time.
#include "model/series.h"

#include <cstddef>

namespace sluice::sim {
std::vector<RateBucket> RateBuckets(const History& history, std::uint32_t caller, Nanos from,
                                    Nanos to, Nanos width) {
  const std::int64_t first = from / width;
  std::vector<RateBucket> buckets(static_cast<std::size_t>(to / width - first + 1));
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets[i].start = (first + static_cast<std::int64_t>(i)) * width;
  }
  for (auto it = history.FirstFrom(first * width); it != history.requests().end(); ++it) {
    const std::int64_t index = it->at / width - first;
    if (index >= static_cast<std::int64_t>(buckets.size())) break;
    if (it->caller != caller) continue;
    RateBucket& bucket = buckets[static_cast<std::size_t>(index)];
    bucket.offered += it->cost;
    if (it->decision.allowed) bucket.admitted += it->cost;
  }
  return buckets;
}

RateBucket RateOver(const History& history, std::uint32_t caller, Nanos from, Nanos to) {
  RateBucket sum{from, 0, 0};
  for (auto it = history.FirstFrom(from + Nanos{1}); it != history.requests().end(); ++it) {
    if (it->at > to) break;
    if (it->caller != caller) continue;
    sum.offered += it->cost;
    if (it->decision.allowed) sum.admitted += it->cost;
  }
  return sum;
}

}  // namespace sluice::sim
