// A check that is asked again under its id: what it was charged the first time costs nothing now.
//
// Slots are the exception: one that was released, or has expired, is held by nobody, so a repeat
// asks for it again.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/policy.h"

namespace sluice {

/// How long a charge is known by its id, whichever store made it, on the store's clock. A clock
/// that steps back by less makes it no more than twice that; by more, and the id is forgotten.
inline constexpr Nanos kIdLife = std::chrono::seconds(60);
inline bool IsKnownId(Nanos charged_at, Nanos now) {
  return now - charged_at < kIdLife && charged_at - now < kIdLife;
}

/// What one policy told the check when it was charged: see Decision.
struct Given {
  bool allowed = false;
  Nanos delay{0};
  std::int64_t mark = 0;
};

/// What was told then, by the states before the charge. `charged`: which policies were. `then`: the
/// moment of it. The first asks.size() are set; see Describe.
std::array<Given, kMaxPolicies> GivenThen(std::span<const Policy> policies,
                                          std::span<const Ask> asks,
                                          std::span<const Reading> readings, PolicyBits charged,
                                          const Moment& then);

/// Makes of a repeat's asks what it asks in truth: `again` of them, the others nothing.
inline void ReduceAsks(PolicyBits again, std::span<Ask> asks) {
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if ((again >> i & 1) == 0) asks[i].cost = 0;
  }
}

/// Makes of the decisions about those asks what the caller is told: the state as it is now, but
/// admitted, marked and delayed as `given` `since` ago. Spans equally long.
inline void TellAgain(std::span<const Given> given, Nanos since, PolicyBits again,
                      std::span<Decision> decisions) {
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if ((again >> i & 1) != 0) continue;
    decisions[i].allowed = given[i].allowed;
    decisions[i].mark = given[i].mark;
    decisions[i].delay = std::max(Nanos{0}, given[i].delay - std::max(Nanos{0}, since));
  }
}

}  // namespace sluice
