// The token bucket of a textbook, to check the real one against: a level that a tap fills and calls
// drain. No TAT and no backlog; waits are found by trial, not by formula.
#pragma once

#include <cstdint>

#include "core/decision.h"
#include "core/time.h"

namespace sluice::testing {

class ReferenceBucket {
 public:
  /// Starts full with `capacity` tokens; `refill` tokens flow in every `every`, rounded to whole ns
  /// a token.
  ReferenceBucket(std::int64_t capacity, std::int64_t refill, Nanos every);

  /// Whether a call of `cost` is admitted at `now`. Changes nothing.
  bool Affords(std::int64_t cost, Nanos now) const;
  /// Takes the tokens. Precondition: Affords(cost, now).
  void Take(std::int64_t cost, Nanos now);
  /// The decision for a call of `cost` that was admitted or denied.
  Decision Describe(std::int64_t cost, Nanos now, bool admitted) const;
  /// The delay of an admitted call: always 0.
  Nanos Delay(Nanos /*now*/) const { return Nanos{0}; }
  /// Fills the bucket.
  void Forget() {
    level_ = full_;
    taken_ = Nanos{0};
  }

 private:
  // Exact: a token has `parts_` parts, and one part flows in each nanosecond. 128 bits cannot
  // repeat an overflow of the code under test.
  __extension__ using Parts = __int128;

  /// The level at `now`. If the clock went back since the last take, the tap runs backwards.
  Parts LevelAt(Nanos now) const;

  std::int64_t capacity_;
  Parts parts_;
  Parts full_;
  Parts level_;     // just after the last take
  Nanos taken_{0};  // the time of that
};

}  // namespace sluice::testing
