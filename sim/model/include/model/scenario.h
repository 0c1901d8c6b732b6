// The inputs of a run: policy, traffic and seed.
#pragma once

#include <cstdint>
#include <vector>

#include "model/policy_numbers.h"
#include "model/traffic.h"

namespace sluice::sim {

/// The largest seed: JSON readers keep whole numbers up to here exact.
inline constexpr std::uint64_t kLargestSeed = (std::uint64_t{1} << 53) - 1;

struct Scenario {
  ChosenPolicy policy;
  /// The rate of the Poisson traffic; see IsRate.
  double rate = 14;
  /// 1 to kMostCallers.
  std::uint32_t callers = 1;
  std::uint64_t seed = 1;
  /// Extra requests by the first caller; at most kMostScripted in all.
  std::vector<Volley> volleys;
};

}  // namespace sluice::sim
