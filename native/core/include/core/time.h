// Time in the core: numbers passed in. Nothing here reads a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

/// A point in time or a span, in whole nanoseconds. Points count from the origin of the store's
/// clock; the core only subtracts two points of the same clock.
using Nanos = std::chrono::duration<std::int64_t, std::nano>;

/// The same in whole microseconds: windows, logs and holders. Points count from 1970 under calendar
/// policies.
using Micros = std::chrono::duration<std::int64_t, std::micro>;

/// One moment on a store's clocks.
struct Moment {
  Nanos now{0};     ///< for TATs: any origin, >= 0
  Micros wall{0};   ///< for windows, logs and holders: counts from 1970, and never steps
  Micros steps{0};  ///< steps of the wall clock, to add to `wall`; see WallFor in core/policy.h
};

/// "No later time will do": for a cost above the policy's limit.
inline constexpr Nanos kNever = Nanos::max();

/// The longest full refill or window of a policy, and the furthest into the future that a TAT is
/// stored. With C * I below this every intermediate stays under 2^53, so that the Lua twin, whose
/// only number type is a double, computes the same integers.
inline constexpr Nanos kLongestSpan = std::chrono::hours(24 * 100);

/// The last multiple of `window` (since 1970) that is not after `now`, which may be before 1970.
constexpr Micros WindowStart(Micros now, Micros window) {
  const Micros into = now % window;
  return now - (into < Micros{0} ? into + window : into);
}

/// Rounds down to whole microseconds. Precondition: span >= 0.
constexpr Micros ToMicros(Nanos span) { return std::chrono::duration_cast<Micros>(span); }

}  // namespace sluice
