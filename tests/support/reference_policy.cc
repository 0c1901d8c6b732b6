// Any policy as a plain model.
#include "support/reference_policy.h"

#include <cstddef>

namespace sluice::testing {

bool Affords(const ReferencePolicy& policy, std::int64_t cost, Nanos now) {
  return std::visit([&](const auto& model) { return model.Affords(cost, now); }, policy);
}

void Forget(ReferencePolicy& policy) {
  std::visit([](auto& model) { model.Forget(); }, policy);
}

std::vector<Decision> ReferenceCheck(std::span<ReferencePolicy> policies,
                                     std::span<const std::int64_t> costs, Nanos now) {
  bool all = true;
  std::vector<bool> affords(policies.size());
  for (std::size_t i = 0; i < policies.size(); ++i) {
    affords[i] = Affords(policies[i], costs[i], now);
    all = all && affords[i];
  }
  std::vector<Decision> decisions;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    decisions.push_back(std::visit(
        [&](auto& model) {
          const Nanos delay = all ? model.Delay(now) : Nanos{0};
          if (all) model.Take(costs[i], now);
          Decision decision = model.Describe(costs[i], now, affords[i]);
          decision.delay = delay;
          return decision;
        },
        policies[i]));
  }
  return decisions;
}

}  // namespace sluice::testing
