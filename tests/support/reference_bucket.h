// The token bucket as a textbook tells it, to check the real one against: a level that a tap fills
// and calls take from. No TAT, no backlog; the waits are found by trying moments, not by formula.
#pragma once

#include <cstdint>

#include "core/decision.h"
#include "core/time.h"

namespace sluice::testing {

class ReferenceBucket {
 public:
  /// `capacity` tokens, full; `refill` tokens flow in every `every`, rounded to whole ns a token.
  ReferenceBucket(std::int64_t capacity, std::int64_t refill, Nanos every);

  /// Whether a call of `cost` is admitted at `now`. Changes nothing.
  bool Affords(std::int64_t cost, Nanos now) const;
  /// Takes the tokens. Precondition: Affords(cost, now).
  void Take(std::int64_t cost, Nanos now);
  /// What a caller of `cost` is told, who was admitted or not.
  Decision Describe(std::int64_t cost, Nanos now, bool admitted) const;
  /// How long an admitted call is held back: never.
  Nanos Delay(Nanos /*now*/) const { return Nanos{0}; }
  /// Fills the bucket.
  void Forget() {
    level_ = full_;
    taken_ = Nanos{0};
  }

 private:
  // Exact: a token is `parts_` parts, and one part flows in each nanosecond. 128 bits, so that no
  // overflow of the code under test is repeated here.
  __extension__ using Parts = __int128;

  /// The level at `now`. A clock that went back since the last take has the tap run backwards.
  Parts LevelAt(Nanos now) const;

  std::int64_t capacity_;
  Parts parts_;
  Parts full_;
  Parts level_;     // just after the last take
  Nanos taken_{0};  // when that was
};

}  // namespace sluice::testing
