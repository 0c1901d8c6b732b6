// Random costs and clocks: what the randomised tests of core and of every store draw from. Policies
// are in random_policy.h.
#pragma once

#include <cstdint>
#include <span>

#include "core/policy.h"
#include "support/seed.h"

namespace sluice::testing {

/// A cost for a capacity: mostly one that may pass, sometimes 0, exactly the capacity, one more, or
/// the largest there is.
std::int64_t RandomCost(Random& random, std::int64_t capacity);

/// A clock for traces: stands still, creeps, jumps to the edge of what the last decisions said,
/// leaps, and steps back, never more than two days behind the newest time it has shown.
class TraceClock {
 public:
  /// Starts at 0, in 2026, or just before a multiple of 9,000,000 s. All times it shows are
  /// multiples of `tick`.
  TraceClock(Random& random, Nanos tick);

  Nanos now() const { return now_; }
  Nanos tick() const { return tick_; }
  /// From here on it steps back no further than to this moment.
  void Floor() { floor_ = now_; }
  /// Moves on, given what was last decided.
  void Step(Random& random, std::span<const Decision> last);

 private:
  Nanos tick_;
  Nanos now_{0};
  Nanos newest_{0};
  Nanos floor_{0};
};

}  // namespace sluice::testing
