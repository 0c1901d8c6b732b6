// Several policies, one answer.
#include "core/policy.h"

#include <algorithm>
#include <cctype>

namespace sluice {
namespace {

__extension__ using Int128 = __int128;  // a product of two limits needs 84 bits

}  // namespace

bool IsPolicyName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.');
  });
}

std::string_view StateTag(const Algorithm& algorithm) {
  return std::visit([](const auto& a) { return a.kStateTag; }, algorithm);
}

const TatRule& RuleOf(const Algorithm& algorithm) {
  return std::visit([](const auto& a) -> const TatRule& { return a.rule(); }, algorithm);
}

bool DecideTats(std::span<const Policy> policies, std::span<const std::int64_t> costs,
                std::span<const Nanos> backlogs, std::span<Decision> decisions) {
  // A backlog is a TAT on a clock that reads 0.
  bool allowed = true;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    decisions[i] =
        CheckTat(RuleOf(policies[i].algorithm), backlogs[i], costs[i], Nanos{0}).decision;
    allowed = allowed && decisions[i].allowed;
  }
  if (allowed) {
    for (std::size_t i = 0; i < policies.size(); ++i) {
      decisions[i].delay =
          std::visit([backlog = backlogs[i]](const auto& a) { return a.Delay(backlog); },
                     policies[i].algorithm);
    }
    return true;
  }
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (decisions[i].allowed) {
      decisions[i] = DescribeBacklog(RuleOf(policies[i].algorithm), backlogs[i], true);
    }
  }
  return false;
}

std::size_t BindingPolicy(std::span<const Decision> decisions) {
  const auto binds_more = [](const Decision& a, const Decision& b) {
    if (a.allowed != b.allowed) return !a.allowed;
    if (!a.allowed) return a.retry_after > b.retry_after;
    return static_cast<Int128>(a.remaining) * b.limit < static_cast<Int128>(b.remaining) * a.limit;
  };
  std::size_t binding = 0;
  for (std::size_t i = 1; i < decisions.size(); ++i) {
    if (binds_more(decisions[i], decisions[binding])) binding = i;
  }
  return binding;
}

}  // namespace sluice
