#include "model/describe.h"

#include <algorithm>

#include "model/algorithm_info.h"
#include "model/duration.h"

namespace sluice::sim {

std::string DescribePolicy(const ChosenPolicy& policy) {
  return std::string(policy.info().title) + ": " + policy.info().numbers(policy.numbers);
}

std::optional<double> PacePerSecond(const ChosenPolicy& policy) {
  if (IsTat(policy.algorithm)) {
    return 1e9 / static_cast<double>(RuleOf(policy.algorithm).interval.count());
  }
  const Nanos window = WindowOf(policy.algorithm);
  if (window == Nanos{0}) return std::nullopt;
  return static_cast<double>(policy.limit()) / ToSeconds(window);
}

Nanos WindowOf(const Algorithm& algorithm) {
  return std::visit(
      [](const auto& a) -> Nanos {
        if constexpr (requires { a.window(); }) return a.window();
        return Nanos{0};
      },
      algorithm);
}

Nanos LongestTrace(const Algorithm& algorithm) {
  return std::visit(
      [](const auto& a) -> Nanos {
        if constexpr (requires { a.ttl(); }) return a.ttl();
        if constexpr (requires { a.window(); }) return a.window();
        if constexpr (requires { a.rule(); }) return a.rule().Span();
        return Nanos{0};
      },
      algorithm);
}

Nanos TimeToShow(const ChosenPolicy& policy) {
  return std::max<Nanos>(std::chrono::seconds(10), 5 * WindowOf(policy.algorithm));
}

}  // namespace sluice::sim
