// Descriptions of policies.
#include "model/describe.h"

#include <algorithm>

#include "algorithm_info.h"
#include "model/duration.h"

namespace sluice::sim {
std::string DescribePolicy(const ChosenPolicy& policy) {
  const AlgorithmInfo& info = InfoOf(policy.kind());
  return std::string(info.title) + ": " + info.numbers(policy.numbers);
}

std::string DescribeLimit(const ChosenPolicy& policy) {
  return InfoOf(policy.kind()).limit(policy);
}

std::string DescribeDetail(const ChosenPolicy& policy) {
  return InfoOf(policy.kind()).detail(policy);
}

std::string DescribePicture(const ChosenPolicy& policy) {
  return InfoOf(policy.kind()).picture(policy.numbers);
}

std::optional<double> PacePerSecond(const ChosenPolicy& policy) {
  if (IsTat(policy.algorithm)) {
    return 1e9 / static_cast<double>(RuleOf(policy.algorithm).interval.count());
  }
  const Nanos window = WindowOf(policy);
  if (window == Nanos{0}) return std::nullopt;
  return static_cast<double>(policy.limit()) / ToSeconds(window);
}

std::string_view PaceName(AlgorithmKind kind) { return InfoOf(kind).pace; }

std::string_view UnitsOf(AlgorithmKind kind) { return InfoOf(kind).units; }

Nanos WindowOf(const ChosenPolicy& policy) {
  return std::visit(
      [](const auto& a) -> Nanos {
        if constexpr (requires { a.window(); }) return a.window();
        return Nanos{0};
      },
      policy.algorithm);
}

Nanos TimeToShow(const ChosenPolicy& policy) {
  return std::max<Nanos>(std::chrono::seconds(10), 5 * WindowOf(policy));
}

}  // namespace sluice::sim
