// A policy: what is allowed, with a name. And how the answers of several policies become one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/decision.h"
#include "core/gcra.h"
#include "core/leaky_bucket.h"
#include "core/token_bucket.h"

namespace sluice {

/// Every algorithm there is. The one list that a new algorithm joins.
using Algorithm = std::variant<TokenBucket, Gcra, LeakyBucket>;

struct Policy {
  /// 1 to 64 characters of A-Z a-z 0-9 _ - . so that it fits a header and a Redis key unescaped.
  std::string name;
  Algorithm algorithm;
};

/// The most policies that one check may ask at once.
inline constexpr std::size_t kMaxPolicies = 16;

/// See Policy::name.
bool IsPolicyName(std::string_view name);

/// "tb1" and so on: the algorithm and the format of its state.
std::string_view StateTag(const Algorithm& algorithm);

/// The numbers of a policy whose state is one TAT.
const TatRule& RuleOf(const Algorithm& algorithm);

/// Decides one check over several TAT policies: all of them admit it, or none is charged.
/// `backlogs[i]` is the backlog of the key under `policies[i]` before the call, `costs[i]` the cost
/// there (0 <= cost < 2^31). Writes one decision per policy, each after this call, and returns
/// whether the check is admitted. When it is, the caller stores now + decisions[i].reset_after for
/// each policy whose cost is above 0.
/// This one function decides for the memory store and describes what the Lua twin decided.
/// Precondition: the four spans are equally long.
bool DecideTats(std::span<const Policy> policies, std::span<const std::int64_t> costs,
                std::span<const Nanos> backlogs, std::span<Decision> decisions);

/// The index of the policy that binds: of those that denied, the one that takes longest; if all
/// admit, the one with the smallest share of its limit left. The first of equals.
/// Precondition: not empty.
std::size_t BindingPolicy(std::span<const Decision> decisions);

}  // namespace sluice
