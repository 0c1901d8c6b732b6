// Scenarios for the tests of the simulator.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>
#include <string>

#include "model/scenario.h"

namespace sluice::sim {

inline constexpr Nanos kMilli = std::chrono::milliseconds(1);
inline constexpr Nanos kOneSecond = std::chrono::seconds(1);

/// Throws std::invalid_argument for invalid numbers.
inline ChosenPolicy Chosen(const PolicyNumbers& numbers) {
  std::string fault;
  const auto policy = MakePolicy(numbers, fault);
  if (!policy) throw std::invalid_argument(fault);
  return *policy;
}

inline ChosenPolicy Bucket(std::int64_t capacity, std::int64_t refill, Nanos every) {
  return Chosen({.capacity = capacity, .refill = refill, .every = every});
}

/// The default policy of an algorithm.
inline ChosenPolicy Default(AlgorithmKind kind) { return Chosen(DefaultNumbers(kind)); }

/// 14 requests a second per caller: more than any default policy admits.
inline Scenario Busy(std::uint64_t seed, std::uint32_t callers = 1,
                     AlgorithmKind kind = AlgorithmKind::kTokenBucket) {
  return {.policy = Default(kind),
          .rate = 14.0 * callers,
          .callers = callers,
          .seed = seed,
          .volleys = {}};
}

inline Scenario Quiet(const ChosenPolicy& policy) {
  return {.policy = policy, .rate = 0, .callers = 1, .seed = 1, .volleys = {}};
}

/// 20 tokens, 10 a second, and no traffic: only the test sends.
inline Scenario Quiet() { return Quiet(Default(AlgorithmKind::kTokenBucket)); }

/// GoogleTest prints an AlgorithmKind by this.
inline void PrintTo(AlgorithmKind kind, std::ostream* out) { *out << NameOf(kind); }

/// The name of a test that runs for each of kAlgorithmKinds.
inline std::string CaseName(const ::testing::TestParamInfo<AlgorithmKind>& test) {
  return std::string(NameOf(test.param));
}

}  // namespace sluice::sim
