// The leaky bucket as a queue before a server.
#include "support/reference_queue.h"

#include <algorithm>

#include "support/wait_until.h"

namespace sluice::testing {

ReferenceQueue::ReferenceQueue(std::int64_t capacity, std::int64_t leak, Nanos every, bool shapes)
    : capacity_(capacity), shapes_(shapes), unit_(every.count() / leak) {
  if (every.count() % leak != 0) ++unit_;
}

ReferenceQueue::Work ReferenceQueue::LeftAt(Nanos now) const {
  Work done = (now - front_began_).count();
  Work left = 0;
  for (const Work work : line_) {
    if (done >= work) {
      done -= work;
    } else {
      left += work - done;
      done = 0;
    }
  }
  return left;
}

bool ReferenceQueue::Affords(std::int64_t cost, Nanos now) const {
  return cost == 0 || LeftAt(now) + cost * unit_ <= capacity_ * unit_;
}

void ReferenceQueue::Take(std::int64_t cost, Nanos now) {
  if (cost == 0) return;
  while (!line_.empty() && (now - front_began_).count() >= line_.front()) {
    front_began_ += Nanos{static_cast<std::int64_t>(line_.front())};
    line_.erase(line_.begin());
  }
  if (line_.empty()) front_began_ = now;
  line_.push_back(cost * unit_);
}

Decision ReferenceQueue::Describe(std::int64_t cost, Nanos now, bool admitted) const {
  Decision decision;
  decision.allowed = admitted;
  decision.limit = capacity_;
  decision.remaining =
      static_cast<std::int64_t>(std::max<Work>(0, (capacity_ * unit_ - LeftAt(now)) / unit_));
  if (!admitted) {
    decision.retry_after =
        cost > capacity_ ? kNever
                         : WaitUntil(now, [&](Nanos moment) { return Affords(cost, moment); });
  }
  decision.reset_after = WaitUntil(now, [&](Nanos moment) { return LeftAt(moment) == 0; });
  return decision;
}

Nanos ReferenceQueue::Delay(Nanos now) const {
  return Nanos{shapes_ ? static_cast<std::int64_t>(LeftAt(now)) : 0};
}

}  // namespace sluice::testing
