// 100,000 random steps of the core against the plain models of all algorithms, clock steps back
// among them.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "core/policy.h"
#include "support/policies.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

constexpr int kSteps = 100'000;
constexpr int kStepsPerTrace = 100;

TEST(Model, DecidesAsTheCoreDoes) {
  Random random(TestSeed());
  int admitted = 0;
  int denied = 0;
  int went_back = 0;
  int delayed = 0;
  for (int done = 0; done < kSteps; done += kStepsPerTrace) {
    std::vector<Policy> policies;
    std::vector<ReferencePolicy> models;
    for (std::int64_t i = random.Between(1, 3); i > 0; --i) {
      TracePolicy drawn = RandomPolicy(random, "p" + std::to_string(i));
      policies.push_back(std::move(drawn.policy));
      models.push_back(std::move(drawn.model));
    }
    std::vector<Nanos> tats(policies.size());
    std::vector<Nanos> backlogs(policies.size());
    std::vector<std::int64_t> costs(policies.size());
    std::vector<Decision> decisions(policies.size());
    TraceClock clock(random, Nanos{1});
    for (int step = 0; step < kStepsPerTrace; ++step) {
      const Nanos now = clock.now();
      for (std::size_t i = 0; i < policies.size(); ++i) {
        costs[i] = RandomCost(random, RuleOf(policies[i].algorithm).capacity);
        backlogs[i] = Backlog(tats[i], now);
      }
      const bool allowed = DecideTats(policies, costs, backlogs, now, decisions);
      (allowed ? admitted : denied) += 1;
      const std::vector<Decision> expected = ReferenceCheck(models, costs, now);
      for (std::size_t i = 0; i < policies.size(); ++i) {
        if (allowed && costs[i] > 0) tats[i] = now + decisions[i].reset_after;
        delayed += decisions[i].delay > Nanos{0} ? 1 : 0;
        ASSERT_TRUE(Same(decisions[i], expected[i]))
            << "step " << done + step << ", policy " << i << " of " << policies.size() << ", cost "
            << costs[i] << ", interval " << RuleOf(policies[i].algorithm).interval.count()
            << ", now " << now.count() << "\n  core:  " << Text(decisions[i])
            << "\n  model: " << Text(expected[i]);
      }
      clock.Step(random, decisions);
      went_back += clock.now() < now ? 1 : 0;
    }
  }
  // The trace has to be one that could show a difference.
  EXPECT_GT(admitted, kSteps / 10);
  EXPECT_GT(denied, kSteps / 10);
  EXPECT_GT(went_back, kSteps / 20);
  EXPECT_GT(delayed, kSteps / 50);
}

}  // namespace
}  // namespace sluice::testing
