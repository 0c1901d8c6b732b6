// The original decisions of a replayed check.
#include "core/replay.h"

namespace sluice {

std::array<OriginalDecision, kMaxPolicies> OriginalDecisions(std::span<const Policy> policies,
                                                             std::span<const Ask> asks,
                                                             std::span<const Reading> readings,
                                                             PolicyBits charged,
                                                             const Moment& then) {
  const auto is_charged = [charged](std::size_t i) { return (charged >> i & 1) != 0; };
  Evaluation evaluation{.allowed = true, .parts = {}};
  for (std::size_t i = 0; i < policies.size(); ++i) {
    // The wait of an uncharged policy is not needed.
    evaluation.parts[i].admits = true;
    if (is_charged(i)) evaluation.parts[i].effect = Effect::kCharge;
  }
  std::array<Decision, kMaxPolicies> decisions;
  WriteDecisions(policies, asks, readings, evaluation, then, decisions);
  std::array<OriginalDecision, kMaxPolicies> original;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    original[i] = {.allowed = is_charged(i) || asks[i].cost == 0,
                   .delay = decisions[i].delay,
                   .mark = decisions[i].mark};
  }
  return original;
}

}  // namespace sluice
