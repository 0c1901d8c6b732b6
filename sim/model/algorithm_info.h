// The simulator's description of each algorithm: one constant each, beside its explanation.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/explain.h"
#include "model/policy_numbers.h"

namespace sluice::sim {

struct AlgorithmInfo {
  std::string_view name;   ///< kName of its class
  std::string_view title;  ///< "Token bucket"
  std::span<const Field> fields;
  /// The fields that the faults of the core are about: the most at once, the rate, the span.
  Field most = Field::kLimit;
  Field rate = Field::kLimit;
  Field span = Field::kWindow;
  /// Defaults that differ from those of PolicyNumbers; may be null.
  void (*set_defaults)(PolicyNumbers& numbers) = nullptr;
  std::optional<Algorithm> (*make)(const PolicyNumbers& numbers, PolicyFault& fault);

  /// See DescribePolicy (behind the title), DescribeLimit and DescribeDetail.
  std::string (*numbers)(const PolicyNumbers& numbers);
  std::string (*limit)(const ChosenPolicy& policy);
  std::string (*detail)(const ChosenPolicy& policy);
  /// The name of its long-term rate, and of what it counts.
  std::string_view pace = "limit";
  std::string_view units = "units";

  /// The title of its picture.
  std::string (*picture)(const PolicyNumbers& numbers);
  Introduction (*introduce)(const PolicyNumbers& numbers);
  /// Fills in reason, fit, rule, hint, lines and test, and may extend the answer.
  void (*explain)(const Request& request, Explanation& text);
  /// The name of Decision::reset_after.
  const char* reset = "as new after";
};

extern const AlgorithmInfo kTokenBucketInfo;
extern const AlgorithmInfo kGcraInfo;
extern const AlgorithmInfo kLeakyBucketInfo;
extern const AlgorithmInfo kFixedWindowInfo;
extern const AlgorithmInfo kSlidingWindowInfo;
extern const AlgorithmInfo kSlidingLogInfo;
extern const AlgorithmInfo kConcurrencyInfo;

const AlgorithmInfo& InfoOf(AlgorithmKind kind);

/// Makes an Algorithm of an A that may be refused.
template <typename A>
std::optional<Algorithm> Made(const std::optional<A>& maybe) {
  if (maybe) return Algorithm(*maybe);
  return std::nullopt;
}

/// "10 a second", "3 a minute": the rate admitted in the long run.
std::string PaceText(const ChosenPolicy& policy);
/// "limit 20, window 2 s"
std::string WindowNumbers(const PolicyNumbers& numbers);
/// "At most 20"
std::string AtMost(const ChosenPolicy& policy);

}  // namespace sluice::sim
