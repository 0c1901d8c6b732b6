// Operations in one expression.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "core/operation.h"
#include "support/subject.h"

namespace sluice::testing {

inline Operation Plain(Operation::Kind kind, Costs costs = 0) {
  return {.kind = kind, .costs = std::move(costs)};
}
inline Operation With(Operation::Kind kind, Costs costs, Operation::Options options) {
  return {.kind = kind,
          .costs = std::move(costs),
          .options = std::make_shared<const Operation::Options>(std::move(options))};
}
inline Operation CheckOf(Costs costs) { return Plain(Operation::Kind::kCheck, std::move(costs)); }
inline Operation CheckOf(Costs costs, HolderId holder) {
  return With(Operation::Kind::kCheck, std::move(costs), {.holder = holder});
}
inline Operation PeekOf(Costs costs) { return Plain(Operation::Kind::kPeek, std::move(costs)); }

inline Operation::Marks MarksOf(std::span<const std::int64_t> marks) {
  Operation::Marks all{};
  std::ranges::copy(marks, all.begin());
  return all;
}

/// A check or peek of this question.
inline Operation Asked(Operation::Kind kind, const Subject::Question& question,
                       std::string_view id = {}) {
  Operation::Options options{
      .max_wait = question.max_wait, .holder = question.holder, .id = std::string(id)};
  std::array<std::int64_t, kMaxPolicies> costs{};
  for (std::size_t i = 0; i < question.asks.size(); ++i) {
    costs[i] = question.asks[i].cost;
    options.limits[i] = question.asks[i].limit;
  }
  return With(kind, Costs(costs), std::move(options));
}

}  // namespace sluice::testing
