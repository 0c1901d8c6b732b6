// Scenarios for the tests of the simulator.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "algorithms/list.h"
#include "model/scenario.h"

namespace sluice::sim {

inline constexpr Nanos kMilli = std::chrono::milliseconds(1);
inline constexpr Nanos kOneSecond = std::chrono::seconds(1);

/// Names of fields and their values: {{"limit", "5"}, {"mode", "shape"}}.
using FieldTexts = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// The defaults with other values. Throws std::invalid_argument for a wrong name or value.
inline PolicyNumbers Numbers(const AlgorithmInfo& info, FieldTexts texts = {}) {
  PolicyNumbers numbers(info);
  for (const auto& [name, text] : texts) {
    const Field* field = FieldNamed(info, name);
    std::string fault = "no such field";
    if (field == nullptr || !SetField(numbers, *field, text, fault)) {
      throw std::invalid_argument(fault);
    }
  }
  return numbers;
}

/// Throws std::invalid_argument for invalid numbers.
inline ChosenPolicy Chosen(const PolicyNumbers& numbers) {
  std::string fault;
  const auto policy = MakePolicy(numbers, fault);
  if (!policy) throw std::invalid_argument(fault);
  return *policy;
}

inline ChosenPolicy Chosen(const AlgorithmInfo& info, FieldTexts texts = {}) {
  return Chosen(Numbers(info, texts));
}

inline ChosenPolicy Bucket(std::int64_t capacity, std::int64_t refill, Nanos every) {
  PolicyNumbers numbers(kTokenBucketInfo);
  numbers["capacity"] = capacity;
  numbers["refill"] = refill;
  numbers["every"] = every.count();
  return Chosen(numbers);
}

/// 14 requests a second per caller: more than any default policy admits.
inline Scenario Busy(std::uint64_t seed, std::uint32_t callers = 1,
                     const AlgorithmInfo& info = kTokenBucketInfo) {
  return {.policy = Chosen(info),
          .rate = 14.0 * callers,
          .callers = callers,
          .seed = seed,
          .volleys = {}};
}

inline Scenario Quiet(const ChosenPolicy& policy) {
  return {.policy = policy, .rate = 0, .callers = 1, .seed = 1, .volleys = {}};
}

/// 20 tokens, 10 a second, and no traffic: only the test sends.
inline Scenario Quiet() { return Quiet(Chosen(kTokenBucketInfo)); }

/// GoogleTest prints an algorithm by this.
inline void PrintTo(const AlgorithmInfo* info, std::ostream* out) { *out << info->name; }

/// The name of a test that runs for each of kAlgorithms.
inline std::string CaseName(const ::testing::TestParamInfo<const AlgorithmInfo*>& test) {
  return std::string(test.param->name);
}

}  // namespace sluice::sim
