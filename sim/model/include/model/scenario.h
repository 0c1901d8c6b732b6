// What a run is made of: the policy's numbers, the traffic and the seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/token_bucket.h"

namespace sluice::sim {

/// The numbers of a token bucket as a person writes them; not yet checked.
struct BucketNumbers {
  std::int64_t capacity = 20;
  std::int64_t refill = 10;
  Nanos every = std::chrono::seconds(1);
};

/// The bucket, or in `fault` which number is wrong, its value and what would be right.
std::optional<TokenBucket> MakeBucket(const BucketNumbers& numbers, std::string& fault);

/// The largest seed: JSON readers keep whole numbers exact up to here.
inline constexpr std::uint64_t kLargestSeed = (std::uint64_t{1} << 53) - 1;

struct Scenario {
  TokenBucket bucket;
  /// See IsRate.
  double rate = 14;
  /// 1 to kMostCallers.
  std::uint32_t callers = 1;
  std::uint64_t seed = 1;
};

}  // namespace sluice::sim
