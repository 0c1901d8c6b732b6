// The replay of a check under its id: the policies that were charged the first time cost nothing.
//
// Slots are the exception: if one was released or has expired, a replay takes it again.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/policy.h"

namespace sluice {

/// The time for which any store knows a charge by its id, on the store's clock. A clock that steps
/// back by less at most doubles it; a larger step makes the store forget the id.
inline constexpr Nanos kIdLife = std::chrono::seconds(60);
inline bool IsKnownId(Nanos charged_at, Nanos now) {
  return now - charged_at < kIdLife && charged_at - now < kIdLife;
}

/// One policy's part of the original decision: see Decision.
struct OriginalDecision {
  bool allowed = false;
  Nanos delay{0};
  std::int64_t mark = 0;
};

/// The original decisions, computed from the states before the charge. `charged`: the charged
/// policies. `then`: the time of the charge. The first asks.size() are set; see WriteDecisions.
std::array<OriginalDecision, kMaxPolicies> OriginalDecisions(std::span<const Policy> policies,
                                                             std::span<const Ask> asks,
                                                             std::span<const Reading> readings,
                                                             PolicyBits charged,
                                                             const Moment& then);

/// Sets the cost to 0 for every policy not in `again`: a replay charges only those.
inline void DropReplayedCosts(PolicyBits again, std::span<Ask> asks) {
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if ((again >> i & 1) == 0) asks[i].cost = 0;
  }
}

/// Turns decisions on the current state into those of a replay: `allowed`, the marks and the rest
/// of the delays are those `original` `since` ago. Spans equally long.
inline void ReplayDecisions(std::span<const OriginalDecision> original, Nanos since,
                            PolicyBits again, std::span<Decision> decisions) {
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if ((again >> i & 1) != 0) continue;
    decisions[i].allowed = original[i].allowed;
    decisions[i].mark = original[i].mark;
    decisions[i].delay = std::max(Nanos{0}, original[i].delay - std::max(Nanos{0}, since));
  }
}

}  // namespace sluice
