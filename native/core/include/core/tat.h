// The arithmetic of token bucket, leaky bucket and GCRA.
//
// The whole state of a key is one number, its theoretical arrival time (TAT): the time at which all
// charges so far will have drained. With I = the time in which one unit drains, C = the capacity
// and now = the time of the call:
//
//   backlog b = max(0, TAT - now)            the undrained charges, as time
//   admit n  iff  n*I <= C*I - b             it fits beside the backlog
//   then     TAT = now + b + n*I
//
// A key whose TAT has passed equals a new one: expiry costs nothing, and there are no timers.
//
// Source: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371 (2004),
// annex A; its equivalence to the token bucket is the "continuous-state leaky bucket" there.
//
// Bound: in any interval of length T at most C + floor(T / I) units are admitted.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/decision.h"
#include "core/time.h"

namespace sluice {

/// The numbers of a TAT policy.
/// Invariants (its maker checks them): 0 <= capacity <= 2^42, interval >= 1 ns,
/// capacity * interval <= kLongestSpan. So no product or sum below can overflow.
struct TatRule {
  std::int64_t capacity = 1;
  Nanos interval{1};

  /// C * I: the time of a full refill.
  constexpr Nanos Span() const { return capacity * interval; }
};

/// The undrained charges at `now`. Never negative; above kLongestSpan only if the clock stepped
/// back. A step back lengthens the backlog by as much, so it can only deny.
constexpr Nanos Backlog(Nanos tat, Nanos now) { return std::max(Nanos{0}, tat - now); }

/// The result of a check: the decision, and the TAT to store.
struct TatStep {
  Decision decision;
  /// The TAT after the call; equal to the one given when nothing is charged.
  Nanos tat{0};
  /// Whether `tat` differs in meaning from the one given, so that it has to be stored.
  bool charged = false;
};

/// The decision at a backlog under `rule`, for a caller who was `allowed` or not.
constexpr Decision DecisionAt(const TatRule& rule, Nanos backlog, bool allowed) {
  const Nanos room = std::max(Nanos{0}, rule.Span() - backlog);
  return {.allowed = allowed,
          .limit = rule.capacity,
          .remaining = room / rule.interval,
          .retry_after = Nanos{0},
          .reset_after = backlog,
          .delay = Nanos{0}};
}

/// Decides a call of cost `n` (0 <= n < 2^31) at `now`, on a key whose TAT is `tat`.
/// n = 0 is admitted and charges nothing; n > capacity is denied for ever and changes nothing.
/// Precondition: tat - now fits 63 bits.
constexpr TatStep CheckTat(const TatRule& rule, Nanos tat, std::int64_t n, Nanos now) {
  const Nanos backlog = Backlog(tat, now);
  if (n == 0) return {DecisionAt(rule, backlog, true), tat, false};
  if (n > rule.capacity) {
    TatStep never{DecisionAt(rule, backlog, false), tat, false};
    never.decision.retry_after = kNever;
    return never;
  }
  const Nanos charge = n * rule.interval;
  const Nanos room = rule.Span() - backlog;  // negative in debt
  if (charge > room) {
    TatStep denied{DecisionAt(rule, backlog, false), tat, false};
    denied.decision.retry_after = charge - room;
    return denied;
  }
  const Nanos after = backlog + charge;
  return {DecisionAt(rule, after, true), now + after, true};
}

}  // namespace sluice
