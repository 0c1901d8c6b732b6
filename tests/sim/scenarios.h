// Scenarios for the tests of the simulator.
#pragma once

#include "model/scenario.h"
#include "support/policies.h"

namespace sluice::sim {

/// 20 tokens, 10 a second, 14 requests a second: some are denied.
inline Scenario Busy(std::uint64_t seed, std::uint32_t callers = 1) {
  return {.bucket = testing::Bucket(20, 10, std::chrono::seconds(1)),
          .rate = 14.0 * callers,
          .callers = callers,
          .seed = seed};
}

inline Scenario Quiet() {
  return {.bucket = testing::Bucket(20, 10, std::chrono::seconds(1)),
          .rate = 0,
          .callers = 1,
          .seed = 1};
}

inline constexpr Nanos kMilli = std::chrono::milliseconds(1);
inline constexpr Nanos kOneSecond = std::chrono::seconds(1);

}  // namespace sluice::sim
