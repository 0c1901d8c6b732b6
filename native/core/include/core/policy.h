// A policy: a named limit. The decision of several policies on one check.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/algorithm.h"
#include "core/decision.h"
#include "core/reading.h"

namespace sluice {

struct Policy {
  /// 1 to 64 characters of A-Z a-z 0-9 _ - . so that it fits a header and a Redis key unescaped.
  /// Not digits alone: JavaScript lists such names of an object first, whatever their order.
  std::string name;
  Algorithm algorithm;
  /// The first denial by this policy blocks the key for so long: whatever it asks is denied. 0: no.
  /// At most kLongestSpan.
  Nanos block_for{0};
  /// A denied check charges this policy too, even if another policy denied it.
  bool charge_denied = false;
  /// False: a shadow, which evaluates, counts and reports, but never denies.
  bool enforce = true;
};

/// In place of a limit of the call: the policy's own.
inline constexpr std::int64_t kOwnLimit = -1;

/// One policy's part of a check.
struct Ask {
  /// 0 <= cost < 2^31. A cost of 0 is always admitted and charges nothing.
  std::int64_t cost = 1;
  /// The limit or capacity for this call, or kOwnLimit. See WithLimit.
  std::int64_t limit = kOwnLimit;
  /// The time for which a slot is held; 0: the policy's own ttl.
  Micros slot_ttl{0};

  /// Whether the policy decides as it is.
  bool IsPlain() const { return limit == kOwnLimit && slot_ttl == Micros{0}; }
};

/// The most policies that one check may ask at once.
inline constexpr std::size_t kMaxPolicies = 16;

/// Policies of a check by their index, one bit each.
using PolicyBits = std::uint32_t;

/// A limit for each policy of a check: Ask::limit.
using Limits = std::array<std::int64_t, kMaxPolicies>;
inline constexpr Limits kOwnLimits = [] {
  Limits limits{};
  limits.fill(kOwnLimit);
  return limits;
}();

/// See Policy::name.
bool IsPolicyName(std::string_view name);

/// The algorithm that decides this ask. Precondition: ask.limit is kOwnLimit or WithLimit has a
/// value.
Algorithm AlgorithmFor(const Policy& policy, const Ask& ask);

/// Returns the time for the states of windows, logs and holders. Only windows aligned to the wall
/// clock follow its steps.
template <typename A>
Micros WallFor(const A& algorithm, const Moment& now) {
  if constexpr (requires { algorithm.FollowsWallClock(); }) {
    if (algorithm.FollowsWallClock()) return now.wall + now.steps;
  }
  return now.wall;
}
inline Micros WallFor(const Algorithm& algorithm, const Moment& now) {
  return std::visit([&now](const auto& a) { return WallFor(a, now); }, algorithm);
}

/// The change to a policy's state.
enum class Effect : std::uint8_t { kNone, kCharge, kChargeDenied };

/// The outcome of a check, policy by policy.
struct Evaluation {
  bool allowed = false;
  Nanos max_wait = kNoWait;  ///< as asked
  struct Part {
    bool admits = false;      ///< this policy's own answer
    bool never_fits = false;  ///< the cost is above what it can ever admit
    Effect effect = Effect::kNone;
    bool starts_block = false;
  };
  std::array<Part, kMaxPolicies> parts;
};

/// Decides one check: all policies that enforce admit it, or none is charged.
/// `readings[i]` is the state under policies[i] before the call. With `max_wait` a TAT policy may
/// admit a call that then has to wait for up to so long.
/// Preconditions: spans equally long, at most kMaxPolicies; `max_wait` is kNoWait or 0 to
/// kLongestSpan.
Evaluation Evaluate(std::span<const Policy> policies, std::span<const Ask> asks,
                    std::span<const Reading> readings, Nanos max_wait);

/// Whether some enforcing policy can never admit such a cost: the check is denied, and whatever the
/// options nothing changes.
bool ExceedsCapacity(std::span<const Policy> policies, std::span<const Ask> asks);

/// The reading after the call.
Reading ReadingAfter(const Policy& policy, const Ask& ask, const Reading& before,
                     const Evaluation::Part& part);

/// Writes the caller's decisions, one per policy. `now`: the moment of the call, for marks.
void WriteDecisions(std::span<const Policy> policies, std::span<const Ask> asks,
                    std::span<const Reading> readings, const Evaluation& evaluation,
                    const Moment& now, std::span<Decision> decisions);

/// As WriteDecisions, for a peek: `allowed`, `retry_after` and `delay` are those of a check,
/// `remaining` and `reset_after` say how the key stands, as nothing is charged. Marks have no
/// meaning.
void WritePeekDecisions(std::span<const Policy> policies, std::span<const Ask> asks,
                        std::span<const Reading> readings, const Evaluation& evaluation,
                        std::span<Decision> decisions);

/// Whether DecideTats may replace Evaluate and WriteDecisions.
bool IsPlainTat(const Policy& policy);

/// Evaluate and WriteDecisions in one, for a check under one policy that is IsPlainTat, at its own
/// limit. `backlog` is the backlog of the key before the call. If the check is admitted and its
/// cost is above 0, the caller stores now + decision.reset_after.
inline Decision DecideTat(const Policy& policy, std::int64_t cost, Nanos backlog, Nanos now) {
  // A backlog is a TAT on a clock that reads 0.
  Decision decision = CheckTat(RuleOf(policy.algorithm), backlog, cost, Nanos{0}).decision;
  decision.mark = (now + decision.reset_after).count();
  if (decision.allowed) {
    if (const auto* leaky = std::get_if<LeakyBucket>(&policy.algorithm)) {
      decision.delay = leaky->Delay(backlog, cost);
    }
  }
  return decision;
}

/// Evaluate and WriteDecisions in one, for policies that are IsPlainTat, as nearly all are, at
/// their own limits. `backlogs[i]` is the backlog of the key under `policies[i]` before the call.
/// Writes one decision per policy, each after this call, and returns whether the check is admitted.
/// When it is, the caller stores now + decisions[i].reset_after for each policy whose cost is above
/// 0. Precondition: the four spans are equally long.
bool DecideTats(std::span<const Policy> policies, std::span<const std::int64_t> costs,
                std::span<const Nanos> backlogs, Nanos now, std::span<Decision> decisions);

/// The index of the policy that binds: of those that denied, the one that takes longest; if all
/// admit, the one with the smallest share of its limit left (of a limit of 0 none is left). Shadows
/// only if there is nothing else.
/// The first of equals. Precondition: not empty.
std::size_t BindingPolicy(std::span<const Decision> decisions);

}  // namespace sluice
