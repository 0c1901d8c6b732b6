// One caller's state, kept beside the store in the types of the core: what the pictures show and
// the explanations put into the rule. The store decides; this follows it, and tests compare them.
#pragma once

#include <cstdint>
#include <variant>

#include "core/policy.h"
#include "core/time.h"

namespace sluice::sim {

/// The store's clock in the simulator: virtual time, and 1970 is where a run begins.
inline Moment MomentOf(Nanos now) { return {.now = now, .wall = ToMicros(now)}; }

/// Not thread safe; moves, but does not copy.
class KeyState {
 public:
  /// A caller never seen.
  explicit KeyState(const Algorithm& algorithm);

  /// What a call of cost n has to know. Precondition, here and below: `algorithm` is the one given
  /// to the constructor, or has the same state tag.
  Reading Read(const Algorithm& algorithm, std::int64_t n, Nanos now) const;
  /// What an admitted call of cost n >= 1 leaves behind.
  void Charge(const Algorithm& algorithm, std::int64_t n, HolderId holder, Nanos now);
  /// Gives the slot back, if there still is one.
  void Release(HolderId holder, Nanos now);

 private:
  std::variant<Nanos, FixedWindow::State, SlidingWindow::State, SlidingLog::State,
               Concurrency::State>
      state_;
};

}  // namespace sluice::sim
