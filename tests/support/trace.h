// Random costs and clocks for the randomised tests of core and of every store. random_policy.h has
// random policies.
#pragma once

#include <cstdint>
#include <span>

#include "core/policy.h"
#include "support/seed.h"

namespace sluice::testing {

/// A cost for a capacity: mostly one that may be admitted; sometimes 0, exactly the capacity, one
/// more, or the largest possible.
std::int64_t RandomCost(Random& random, std::int64_t capacity);

/// A clock for traces. It stands still, creeps, jumps to the times in the last decisions, leaps,
/// and steps back, at most two days behind its newest time.
class TraceClock {
 public:
  /// Starts at 0, in 2026, or just before a multiple of 9,000,000 s. All its times are multiples of
  /// `tick`.
  TraceClock(Random& random, Nanos tick);

  Nanos now() const { return now_; }
  Nanos tick() const { return tick_; }
  /// Never steps back behind this moment again.
  void Floor() { floor_ = now_; }
  /// Moves on, given the last decisions.
  void Step(Random& random, std::span<const Decision> last);

 private:
  Nanos tick_;
  Nanos now_{0};
  Nanos newest_{0};
  Nanos floor_{0};
};

}  // namespace sluice::testing
