// The token bucket of a textbook.
#include "support/reference_bucket.h"

#include <algorithm>

#include "support/wait_until.h"

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

}  // namespace sluice::testing
