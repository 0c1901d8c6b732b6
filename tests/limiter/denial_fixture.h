// Denials as by Redis, at times that a test chooses.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "limiter/denial_cache.h"
#include "support/policies.h"

namespace sluice::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A cache over policies, with the clock of its process.
class DenialFixture {
 public:
  explicit DenialFixture(std::vector<Policy> policies)
      : policies_(std::move(policies)), cache_(policies_) {}

  using Costs = std::vector<std::int64_t>;

  /// Caches the policies' answer for these states, with request and answer at the test's times.
  /// Returns that answer.
  std::vector<Decision> Deny(std::string_view who, const Costs& costs,
                             const std::vector<Reading>& readings, Nanos asked, Nanos told,
                             KeyChanges::Tick tick = 0) {
    const std::vector<Ask> asks = AsksOf(costs);
    std::vector<Decision> decisions(policies_.size());
    const Evaluation evaluation = Evaluate(policies_, asks, readings, kNoWait);
    WriteDecisions(policies_, asks, readings, evaluation, {}, decisions);
    cache_.Keep(who, {.asks = asks,
                      .readings = readings,
                      .decisions = decisions,
                      .tick = tick,
                      .asked = asked,
                      .told = told});
    return decisions;
  }

  /// The answer from the cache.
  std::optional<Result> Again(std::string_view who, const Costs& costs, Nanos now,
                              KeyChanges::Tick changed = 0) {
    Result result;
    if (!cache_.MayHold(who, now)) return std::nullopt;
    if (!cache_.Answer(who, AsksOf(costs), changed, now, result)) return std::nullopt;
    return result;
  }

  DenialCache& cache() { return cache_; }

 private:
  static std::vector<Ask> AsksOf(const Costs& costs) {
    std::vector<Ask> asks;
    for (const std::int64_t cost : costs) asks.push_back({.cost = cost});
    return asks;
  }

  const std::vector<Policy> policies_;
  DenialCache cache_;
};

inline Reading Backlog(Nanos backlog) { return {.numbers = {backlog.count(), 0, 0}}; }

}  // namespace sluice::testing
