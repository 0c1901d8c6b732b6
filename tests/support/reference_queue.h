// The leaky bucket as a queue, to check the real one against: calls stand in line before one
// server, which works them off first in, first out, as long as there are any. No TAT: the wait of a
// call is the work of those in line before it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/decision.h"
#include "core/time.h"

namespace sluice::testing {

class ReferenceQueue {
 public:
  /// Room for `capacity` units, none in line; `leak` of them are served every `every`, rounded to
  /// whole ns a unit. `shapes`: calls are told their wait; else they do not wait, only count.
  ReferenceQueue(std::int64_t capacity, std::int64_t leak, Nanos every, bool shapes);

  /// Whether there is room for a call of `cost` at `now`. Changes nothing.
  bool Affords(std::int64_t cost, Nanos now) const;
  /// Puts the call in line. Precondition: Affords(cost, now).
  void Take(std::int64_t cost, Nanos now);
  /// What a caller of `cost` is told, who was admitted or not; all but the delay.
  Decision Describe(std::int64_t cost, Nanos now, bool admitted) const;
  /// How long a call that would join the line at `now` is held back.
  Nanos Delay(Nanos now) const;
  /// Empties the line.
  void Forget() { line_.clear(); }

 private:
  // Work in ns of the server. 128 bits, so that no overflow of the code under test is repeated.
  __extension__ using Work = __int128;

  /// What the server has still to do at `now`. A clock that went back has it undo its work, and
  /// before the first call in line began, wait for that moment.
  Work LeftAt(Nanos now) const;

  std::int64_t capacity_;
  bool shapes_;
  Work unit_;
  std::vector<Work> line_;  // of each call not served by the last Take, the first in front
  Nanos front_began_{0};    // when the server began with the first; no meaning without one
};

}  // namespace sluice::testing
