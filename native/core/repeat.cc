// The original decisions of a replayed check.
#include "core/repeat.h"

namespace sluice {

std::array<Given, kMaxPolicies> GivenThen(std::span<const Policy> policies,
                                          std::span<const Ask> asks,
                                          std::span<const Reading> readings, PolicyBits charged,
                                          const Moment& then) {
  const auto is_charged = [charged](std::size_t i) { return (charged >> i & 1) != 0; };
  Judgement judgement{.allowed = true, .parts = {}};
  for (std::size_t i = 0; i < policies.size(); ++i) {
    // The wait of an uncharged policy is not needed.
    judgement.parts[i].admits = true;
    if (is_charged(i)) judgement.parts[i].effect = Effect::kCharge;
  }
  std::array<Decision, kMaxPolicies> decisions;
  Describe(policies, asks, readings, judgement, then, decisions);
  std::array<Given, kMaxPolicies> given;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    given[i] = {.allowed = is_charged(i) || asks[i].cost == 0,
                .delay = decisions[i].delay,
                .mark = decisions[i].mark};
  }
  return given;
}

}  // namespace sluice
