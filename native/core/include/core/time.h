// Time as the core sees it: a number handed in. Nothing here reads a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

/// A point in time or a span, in whole nanoseconds. Points count from the origin of whichever
/// clock the store uses; the core only ever subtracts two of the same clock.
using Nanos = std::chrono::duration<std::int64_t, std::nano>;

/// The same in whole microseconds: windows, logs and holders. Points count from 1970 wherever the
/// policy speaks of the calendar.
using Micros = std::chrono::duration<std::int64_t, std::micro>;

/// One moment on a store's clocks.
struct Moment {
  Nanos now{0};     ///< for TATs: counts from anywhere, >= 0
  Micros wall{0};   ///< for windows, logs and holders: counts from 1970, and never steps
  Micros steps{0};  ///< of the wall clock, to be added to `wall`; see WallFor in core/policy.h
};

/// "No later moment will do": a cost above what the policy can ever admit.
inline constexpr Nanos kNever = Nanos::max();

/// The longest full refill or window that a policy may have, and the furthest into the future a
/// TAT is stored. C * I below this keeps every intermediate under 2^53, so that the Lua twin, whose
/// only number is a double, computes the same integers.
inline constexpr Nanos kLongestSpan = std::chrono::hours(24 * 100);

/// The last multiple of `window` (since 1970) that is not after `now`, which may be before 1970.
constexpr Micros WindowStart(Micros now, Micros window) {
  const Micros into = now % window;
  return now - (into < Micros{0} ? into + window : into);
}

/// Cuts off what is below a microsecond. Precondition: span >= 0.
constexpr Micros ToMicros(Nanos span) { return std::chrono::duration_cast<Micros>(span); }

}  // namespace sluice
