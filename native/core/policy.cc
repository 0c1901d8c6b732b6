// Several policies, one answer.
#include "core/policy.h"

#include <algorithm>
#include <type_traits>

namespace sluice {
namespace {

__extension__ using Int128 = __int128;  // a product of two limits needs 84 bits

// Calls `f` with the algorithm that decides this ask.
template <typename F>
auto VisitFor(const Policy& policy, const Ask& ask, F f) {
  if (ask.IsPlain()) return std::visit(f, policy.algorithm);
  return std::visit(f, AlgorithmFor(policy, ask));
}

template <typename A>
constexpr bool kHasTat = std::remove_cvref_t<A>::kIsTat;

// The time until the algorithm alone would admit the call, which accepts a wait of `max_wait`.
template <typename A>
Nanos RetryAfter(const A& algorithm, const Reading& after, std::int64_t cost, Nanos max_wait) {
  if constexpr (kHasTat<A>) {
    return std::max(Nanos{0}, Nanos{after.numbers[0]} - algorithm.LargestBacklog(cost, max_wait));
  } else {
    return algorithm.RetryAfter(after, cost);
  }
}

// The state that `remaining` and `reset_after` speak of.
enum class Shows : std::uint8_t { kBefore, kAfter };

void WriteDecisionsOf(std::span<const Policy> policies, std::span<const Ask> asks,
                      std::span<const Reading> readings, const Evaluation& evaluation,
                      const Moment& now, Shows shows, std::span<Decision> decisions) {
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const Evaluation::Part& part = evaluation.parts[i];
    const Reading after = ReadingAfter(policies[i], asks[i], readings[i], part);
    Decision& decision = decisions[i];
    decision = Decision{.allowed = part.admits, .enforced = policies[i].enforce};
    VisitFor(policies[i], asks[i], [&](const auto& a) {
      const Reading& shown = shows == Shows::kAfter ? after : readings[i];
      decision.limit = a.limit();
      decision.remaining = shown.blocked > Nanos{0} ? 0 : a.Remaining(shown);
      decision.reset_after = std::max(shown.blocked, a.ResetAfter(shown));
      if (part.never_fits) {
        decision.retry_after = kNever;
      } else if (!part.admits) {
        decision.blocked = after.blocked > Nanos{0};
        decision.retry_after =
            std::max(after.blocked, RetryAfter(a, after, asks[i].cost, evaluation.max_wait));
      }
      if constexpr (kHasTat<decltype(a)>) {
        decision.mark = (now.now + a.ResetAfter(after)).count();
        if (evaluation.allowed && policies[i].enforce) {
          decision.delay = a.Delay(Nanos{readings[i].numbers[0]}, asks[i].cost);
        }
      } else {
        decision.mark = a.Mark(after, WallFor(a, now));
      }
    });
  }
}

}  // namespace

bool IsPolicyName(std::string_view name) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.empty() || name.size() > 64 || std::ranges::all_of(name, is_digit)) return false;
  return std::ranges::all_of(name, [&is_digit](char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.';
  });
}

Algorithm AlgorithmFor(const Policy& policy, const Ask& ask) {
  Algorithm algorithm =
      ask.limit == kOwnLimit ? policy.algorithm : *WithLimit(policy.algorithm, ask.limit);
  return ask.slot_ttl == Micros{0} ? algorithm : WithSlotTtl(algorithm, ask.slot_ttl);
}

bool ExceedsCapacity(std::span<const Policy> policies, std::span<const Ask> asks) {
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const std::int64_t cost = asks[i].cost;
    if (policies[i].enforce && cost > 0 &&
        VisitFor(policies[i], asks[i], [cost](const auto& a) { return a.NeverFits(cost); })) {
      return true;
    }
  }
  return false;
}

Evaluation Evaluate(std::span<const Policy> policies, std::span<const Ask> asks,
                    std::span<const Reading> readings, Nanos max_wait) {
  Evaluation evaluation{.allowed = true, .max_wait = max_wait, .parts = {}};
  bool exceeds_capacity = false;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    Evaluation::Part& part = evaluation.parts[i];
    const std::int64_t cost = asks[i].cost;
    VisitFor(policies[i], asks[i], [&](const auto& a) {
      if (cost == 0) {
        part.admits = true;
      } else if (a.NeverFits(cost)) {
        part.never_fits = true;
      } else if constexpr (kHasTat<decltype(a)>) {
        part.admits = Nanos{readings[i].numbers[0]} <= a.LargestBacklog(cost, max_wait);
      } else {
        part.admits = a.Fits(readings[i], cost);
      }
    });
    if (cost != 0 && readings[i].blocked > Nanos{0}) part.admits = false;
    if (policies[i].enforce && !part.admits) {
      evaluation.allowed = false;
      exceeds_capacity = exceeds_capacity || part.never_fits;
    }
  }
  if (exceeds_capacity) return evaluation;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    Evaluation::Part& part = evaluation.parts[i];
    if (asks[i].cost == 0 || part.never_fits) continue;
    if (evaluation.allowed && part.admits) {
      part.effect = Effect::kCharge;
      continue;
    }
    if (policies[i].charge_denied) part.effect = Effect::kChargeDenied;
    part.starts_block =
        !part.admits && policies[i].block_for > Nanos{0} && readings[i].blocked == Nanos{0};
  }
  return evaluation;
}

Reading ReadingAfter(const Policy& policy, const Ask& ask, const Reading& before,
                     const Evaluation::Part& part) {
  Reading after = before;
  if (part.effect != Effect::kNone) {
    after = VisitFor(policy, ask, [&](const auto& a) {
      return part.effect == Effect::kCharge ? a.Charged(before, ask.cost)
                                            : a.ChargedDenied(before, ask.cost);
    });
  }
  if (part.starts_block) after.blocked = policy.block_for;
  return after;
}

void WriteDecisions(std::span<const Policy> policies, std::span<const Ask> asks,
                    std::span<const Reading> readings, const Evaluation& evaluation,
                    const Moment& now, std::span<Decision> decisions) {
  WriteDecisionsOf(policies, asks, readings, evaluation, now, Shows::kAfter, decisions);
}

void WritePeekDecisions(std::span<const Policy> policies, std::span<const Ask> asks,
                        std::span<const Reading> readings, const Evaluation& evaluation,
                        std::span<Decision> decisions) {
  WriteDecisionsOf(policies, asks, readings, evaluation, Moment{}, Shows::kBefore, decisions);
}

bool IsPlainTat(const Policy& policy) {
  return IsTat(policy.algorithm) && policy.block_for == Nanos{0} && !policy.charge_denied &&
         policy.enforce;
}

bool DecideTats(std::span<const Policy> policies, std::span<const std::int64_t> costs,
                std::span<const Nanos> backlogs, Nanos now, std::span<Decision> decisions) {
  bool allowed = true;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    decisions[i] = DecideTat(policies[i], costs[i], backlogs[i], now);
    allowed = allowed && decisions[i].allowed;
  }
  if (allowed) return true;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (!decisions[i].allowed) continue;
    decisions[i] = DecisionAt(RuleOf(policies[i].algorithm), backlogs[i], true);
    decisions[i].mark = (now + backlogs[i]).count();
  }
  return false;
}

std::size_t BindingPolicy(std::span<const Decision> decisions) {
  const auto binds_more = [](const Decision& a, const Decision& b) {
    if (a.enforced != b.enforced) return a.enforced;
    if (a.allowed != b.allowed) return !a.allowed;
    if (!a.allowed) return a.retry_after > b.retry_after;
    const auto share = [](const Decision& left, const Decision& of) {
      return static_cast<Int128>(left.remaining) * std::max<std::int64_t>(1, of.limit);
    };
    return share(a, b) < share(b, a);
  };
  std::size_t binding = 0;
  for (std::size_t i = 1; i < decisions.size(); ++i) {
    if (binds_more(decisions[i], decisions[binding])) binding = i;
  }
  return binding;
}

}  // namespace sluice
