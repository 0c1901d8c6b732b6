// What a run is made of: the policy, the traffic and the seed.
#pragma once

#include <cstdint>
#include <vector>

#include "model/policy_numbers.h"
#include "model/traffic.h"

namespace sluice::sim {

/// The largest seed: JSON readers keep whole numbers exact up to here.
inline constexpr std::uint64_t kLargestSeed = (std::uint64_t{1} << 53) - 1;

struct Scenario {
  ChosenPolicy policy;
  /// Of the Poisson traffic; see IsRate.
  double rate = 14;
  /// 1 to kMostCallers.
  std::uint32_t callers = 1;
  std::uint64_t seed = 1;
  /// Sent besides, by the first caller. At most kMostScripted requests in all.
  std::vector<Volley> volleys;
};

}  // namespace sluice::sim
