// Properties of every TAT policy with any numbers: the bound, tight waits, harmless denials, and
// clocks that step back.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/tat.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

constexpr int kRules = 500;
constexpr int kSteps = 100;

struct Admitted {
  Nanos at;
  std::int64_t cost;
};

TatRule RandomRule(Random& random) { return RuleOf(RandomTatPolicy(random, "p").algorithm); }

// A key in a state that traffic can cause, at some time.
struct Moment {
  TatRule rule;
  Nanos tat;
  Nanos now;
};

Moment RandomMoment(Random& random) {
  const TatRule rule = RandomRule(random);
  const TraceClock clock(random, Nanos{1});
  const Nanos now = clock.now() + Nanos{random.Magnitude(kLongestSpan.count())};
  const Nanos backlog{random.OneIn(4) ? rule.Span().count()
                                      : random.Magnitude(rule.Span().count())};
  return {rule, random.OneIn(8) ? now - backlog : now + backlog, now};
}

std::string Text(const Moment& moment, std::int64_t cost) {
  return "capacity " + std::to_string(moment.rule.capacity) + ", interval " +
         std::to_string(moment.rule.interval.count()) + ", tat " +
         std::to_string(moment.tat.count()) + ", now " + std::to_string(moment.now.count()) +
         ", cost " + std::to_string(cost);
}

TEST(Properties, NoIntervalAdmitsMoreThanCapacityAndRefill) {
  Random random(TestSeed());
  for (int trace = 0; trace < kRules; ++trace) {
    const TatRule rule = RandomRule(random);
    std::vector<Admitted> admitted;
    Nanos now{random.Magnitude(kLongestSpan.count())};
    Nanos tat{0};
    for (int step = 0; step < kSteps; ++step) {
      const std::int64_t cost = RandomCost(random, rule.capacity);
      const TatStep done = CheckTat(rule, tat, cost, now);
      tat = done.tat;
      if (done.decision.allowed) admitted.push_back({now, cost});
      // A greedy caller comes back as early as possible, or somewhat later.
      const Nanos wait = done.decision.retry_after == kNever ? Nanos{0} : done.decision.retry_after;
      now += random.OneIn(3) ? Nanos{random.Magnitude(rule.Span().count())} : wait;
    }
    for (std::size_t from = 0; from < admitted.size(); ++from) {
      std::int64_t sum = 0;
      for (std::size_t to = from; to < admitted.size(); ++to) {
        sum += admitted[to].cost;
        const Nanos length = admitted[to].at - admitted[from].at;
        ASSERT_LE(sum, rule.capacity + length / rule.interval)
            << "capacity " << rule.capacity << ", interval " << rule.interval.count() << ", calls "
            << from << " to " << to;
      }
    }
  }
}

TEST(Properties, NoTraceWithClockStepsBackAdmitsMoreThanTheTimesItShowedAllow) {
  Random random(TestSeed());
  for (int trace = 0; trace < kRules; ++trace) {
    const TatRule rule = RandomRule(random);
    TraceClock clock(random, Nanos{1});
    Nanos oldest = clock.now();
    Nanos newest = clock.now();
    Nanos tat{0};
    std::int64_t sum = 0;  // at most 2^42 + 8 * 10^15
    for (int step = 0; step < kSteps; ++step) {
      const std::int64_t cost = RandomCost(random, rule.capacity);
      const TatStep done = CheckTat(rule, tat, cost, clock.now());
      tat = done.tat;
      if (done.decision.allowed) sum += cost;
      ASSERT_LE(sum, rule.capacity + (newest - oldest) / rule.interval)
          << "capacity " << rule.capacity << ", interval " << rule.interval.count();
      clock.Step(random, std::vector{done.decision});
      oldest = std::min(oldest, clock.now());
      newest = std::max(newest, clock.now());
    }
  }
}

TEST(Properties, RetryAfterIsTight) {
  Random random(TestSeed());
  int denied = 0;
  for (int i = 0; i < kRules * kSteps; ++i) {
    const Moment moment = RandomMoment(random);
    const auto& [rule, tat, now] = moment;
    const std::int64_t cost = RandomCost(random, rule.capacity);
    const Decision decision = CheckTat(rule, tat, cost, now).decision;
    if (decision.allowed) {
      ASSERT_EQ(decision.retry_after, Nanos{0}) << Text(moment, cost);
      continue;
    }
    if (decision.retry_after == kNever) {
      ASSERT_GT(cost, rule.capacity) << Text(moment, cost);
      continue;
    }
    ++denied;
    const Nanos again = now + decision.retry_after;
    ASSERT_TRUE(CheckTat(rule, tat, cost, again).decision.allowed) << Text(moment, cost);
    ASSERT_FALSE(CheckTat(rule, tat, cost, again - Nanos{1}).decision.allowed)
        << Text(moment, cost);
  }
  EXPECT_GT(denied, kRules);
}

TEST(Properties, RemainingIsTheLargestCostThatPasses) {
  Random random(TestSeed());
  for (int i = 0; i < kRules * kSteps; ++i) {
    const Moment moment = RandomMoment(random);
    const auto& [rule, tat, now] = moment;
    const std::int64_t cost = RandomCost(random, rule.capacity);
    const TatStep done = CheckTat(rule, tat, cost, now);
    const std::int64_t remaining = done.decision.remaining;
    ASSERT_GE(remaining, 0) << Text(moment, cost);
    ASSERT_LE(remaining, rule.capacity) << Text(moment, cost);
    ASSERT_TRUE(CheckTat(rule, done.tat, remaining, now).decision.allowed) << Text(moment, cost);
    ASSERT_FALSE(CheckTat(rule, done.tat, remaining + 1, now).decision.allowed)
        << Text(moment, cost);
  }
}

TEST(Properties, AfterResetAfterAndNoEarlierTheKeyEqualsANewOne) {
  Random random(TestSeed());
  for (int i = 0; i < kRules * kSteps; ++i) {
    const Moment moment = RandomMoment(random);
    const auto& [rule, tat, now] = moment;
    const std::int64_t cost = RandomCost(random, rule.capacity);
    const TatStep done = CheckTat(rule, tat, cost, now);
    const Nanos reset = now + done.decision.reset_after;
    const Nanos never_seen{0};
    ASSERT_EQ(testing::Text(CheckTat(rule, done.tat, rule.capacity, reset).decision),
              testing::Text(CheckTat(rule, never_seen, rule.capacity, reset).decision))
        << Text(moment, cost);
    if (done.decision.reset_after > Nanos{0}) {
      ASSERT_FALSE(CheckTat(rule, done.tat, rule.capacity, reset - Nanos{1}).decision.allowed)
          << Text(moment, cost);
    }
  }
}

TEST(Properties, ADenialOrCostZeroChangesNothing) {
  Random random(TestSeed());
  for (int i = 0; i < kRules * kSteps; ++i) {
    const Moment moment = RandomMoment(random);
    const std::int64_t cost = RandomCost(random, moment.rule.capacity);
    const TatStep done = CheckTat(moment.rule, moment.tat, cost, moment.now);
    const bool charges = done.decision.allowed && cost > 0;
    ASSERT_EQ(done.charged, charges) << Text(moment, cost);
    ASSERT_EQ(done.tat, charges ? moment.now + done.decision.reset_after : moment.tat)
        << Text(moment, cost);
  }
}

TEST(Properties, AClockThatStepsBackNeverAdmitsMoreAndDelaysByAtMostTheStep) {
  Random random(TestSeed());
  int compared = 0;
  for (int i = 0; i < kRules * kSteps; ++i) {
    const Moment moment = RandomMoment(random);
    const auto& [rule, tat, now] = moment;
    const std::int64_t cost = RandomCost(random, rule.capacity);
    const Nanos step{std::min(random.Magnitude(kLongestSpan.count()), now.count())};
    const Decision on_time = CheckTat(rule, tat, cost, now).decision;
    const Decision stepped = CheckTat(rule, tat, cost, now - step).decision;
    ASSERT_LE(stepped.allowed, on_time.allowed) << Text(moment, cost);
    if (stepped.allowed == on_time.allowed) {
      ASSERT_LE(stepped.remaining, on_time.remaining) << Text(moment, cost);
    }
    if (stepped.retry_after == kNever) continue;
    ++compared;
    // Not later than without the step, read on the clock before it.
    ASSERT_LE(stepped.retry_after, on_time.retry_after + step) << Text(moment, cost);
  }
  EXPECT_GT(compared, kRules);
}

}  // namespace
}  // namespace sluice::testing
