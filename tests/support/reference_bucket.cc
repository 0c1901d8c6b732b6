// The token bucket as a textbook tells it.
#include "support/reference_bucket.h"

#include <algorithm>
#include <cstddef>

namespace sluice::testing {

ReferenceBucket::ReferenceBucket(std::int64_t capacity, std::int64_t refill, Nanos every)
    : capacity_(capacity), parts_(every.count() / refill), full_(0), level_(0) {
  if (every.count() % refill != 0) ++parts_;
  full_ = capacity * parts_;
  level_ = full_;
}

ReferenceBucket::Parts ReferenceBucket::LevelAt(Nanos now) const {
  return std::min(full_, level_ + (now - taken_).count());
}

bool ReferenceBucket::Affords(std::int64_t cost, Nanos now) const {
  return cost == 0 || LevelAt(now) >= cost * parts_;
}

void ReferenceBucket::Take(std::int64_t cost, Nanos now) {
  if (cost == 0) return;
  level_ = LevelAt(now) - cost * parts_;
  taken_ = now;
}

template <typename Ready>
Nanos ReferenceBucket::WaitUntil(Nanos now, Ready ready) {
  if (ready(now)) return Nanos{0};
  std::int64_t too_short = 0;
  std::int64_t enough = 1;
  while (!ready(now + Nanos{enough})) {
    too_short = enough;
    enough *= 2;
  }
  while (enough - too_short > 1) {
    const std::int64_t middle = too_short + (enough - too_short) / 2;
    (ready(now + Nanos{middle}) ? enough : too_short) = middle;
  }
  return Nanos{enough};
}

Decision ReferenceBucket::Describe(std::int64_t cost, Nanos now, bool admitted) const {
  Decision decision;
  decision.allowed = admitted;
  decision.limit = capacity_;
  decision.remaining = static_cast<std::int64_t>(std::max<Parts>(0, LevelAt(now)) / parts_);
  if (!admitted) {
    decision.retry_after =
        cost > capacity_ ? kNever
                         : WaitUntil(now, [&](Nanos moment) { return Affords(cost, moment); });
  }
  decision.reset_after = WaitUntil(now, [&](Nanos moment) { return LevelAt(moment) == full_; });
  return decision;
}

std::vector<Decision> ReferenceCheck(std::span<ReferenceBucket> buckets,
                                     std::span<const std::int64_t> costs, Nanos now) {
  bool all = true;
  std::vector<bool> affords(buckets.size());
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    affords[i] = buckets[i].Affords(costs[i], now);
    all = all && affords[i];
  }
  std::vector<Decision> decisions;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (all) buckets[i].Take(costs[i], now);
    decisions.push_back(buckets[i].Describe(costs[i], now, affords[i]));
  }
  return decisions;
}

}  // namespace sluice::testing
