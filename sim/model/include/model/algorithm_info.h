// The description of an algorithm.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/explain.h"
#include "model/policy_numbers.h"

namespace sluice::sim {

/// How long calls hold their slots: exactly `mean`, or exponentially distributed around it.
struct Hold {
  Nanos mean = std::chrono::seconds(1);
  bool fixed = false;
};

/// All that the simulator says of an algorithm, except its picture.
struct AlgorithmInfo {
  std::string_view name;          ///< kName of its class
  std::string_view title;         ///< "Token bucket"
  std::span<const Field> fields;  ///< in the order of the API
  /// The fields that the faults of the core are about: the most at once, the rate, the span.
  std::string_view most = "limit";
  std::string_view rate = "limit";
  std::string_view span = "window";
  std::optional<Algorithm> (*make)(const PolicyNumbers& numbers, PolicyFault& fault);
  /// The fault of numbers that the core accepts; empty if there is none. May be null.
  std::string (*check)(const PolicyNumbers& numbers) = nullptr;
  /// The hold times of its calls; null if they hold nothing.
  Hold (*hold)(const PolicyNumbers& numbers) = nullptr;
  /// The units of the limit in use. Above the limit while in debt.
  double (*used)(const Algorithm& algorithm, const Reading& reading);

  /// "capacity 20, refill 10 every 1 s"
  std::string (*numbers)(const PolicyNumbers& numbers);
  /// "At most 20 at once, then 10 a second"
  std::string (*limit)(const ChosenPolicy& policy);
  /// More detail, where there is room: "one token every 100 ms". May be empty.
  std::string (*detail)(const ChosenPolicy& policy);
  /// The name of its long-term rate, and of what it counts.
  std::string_view pace = "limit";
  std::string_view units = "units";

  /// The title of its picture: "Tokens in the bucket".
  std::string (*picture)(const PolicyNumbers& numbers);
  Introduction (*introduce)(const PolicyNumbers& numbers);
  /// Fills in reason, fit, rule, hint, lines and test, and may extend the answer.
  void (*explain)(const Request& request, Explanation& text);
  /// The name of Decision::reset_after.
  std::string_view reset = "as new after";
};

}  // namespace sluice::sim
