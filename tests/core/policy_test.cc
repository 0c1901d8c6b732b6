// Names of policies, and answers over several policies.
#include "core/policy.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/policies.h"
#include "support/random_policy.h"
#include "support/scale.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(IsPolicyName, TakesWhatFitsAHeaderAndARedisKey) {
  for (const char* name : {"a", "default", "Per-Minute_2.5", "-", ".", "_", "0.5", "2nd"}) {
    EXPECT_TRUE(IsPolicyName(name)) << name;
  }
  EXPECT_TRUE(IsPolicyName(std::string(64, 'x')));
}

TEST(IsPolicyName, RefusesEverythingElse) {
  EXPECT_FALSE(IsPolicyName(""));
  EXPECT_FALSE(IsPolicyName(std::string(65, 'x')));
  EXPECT_FALSE(IsPolicyName("caf\xc3\xa9"));
  EXPECT_FALSE(IsPolicyName("0"));
  EXPECT_FALSE(IsPolicyName("60000"));
  const std::string allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  for (int c = 0; c < 256; ++c) {
    const std::string name{'a', static_cast<char>(c), 'b'};
    EXPECT_EQ(IsPolicyName(name), allowed.find(static_cast<char>(c)) != std::string::npos) << c;
  }
}

TEST(StateTag, NamesAlgorithmFormatAndWindow) {
  using Align = FixedWindow::Align;
  using std::chrono::days;
  using std::chrono::microseconds;
  const auto fixed = [](Nanos window, Align align) { return StateTag(Fixed(1, window, align)); };
  EXPECT_EQ(StateTag(Bucket(1, 1, seconds(1))), "tb1");
  EXPECT_EQ(StateTag(CellRate(1, 1, seconds(1))), "gc1");
  EXPECT_EQ(StateTag(Leaky(1, 1, seconds(1), LeakyBucket::Mode::kPolice)), "lb1");
  EXPECT_EQ(StateTag(Leaky(1, 1, seconds(1), LeakyBucket::Mode::kShape)), "lb1");
  EXPECT_EQ(fixed(seconds(60), Align::kFirstRequest), "fw1.60000");
  EXPECT_EQ(fixed(seconds(60), Align::kClock), "fw1.60000c");
  EXPECT_EQ(fixed(Nanos{0}, Align::kMonth), "fw1.month");
  EXPECT_EQ(fixed(days(100), Align::kFirstRequest), "fw1.8640000000");
  EXPECT_EQ(StateTag(Sliding(1, microseconds(250))), "sw1.0.25");
  EXPECT_EQ(StateTag(Sliding(1, microseconds(1))), "sw1.0.001");
  EXPECT_EQ(StateTag(Sliding(1, microseconds(100'200))), "sw1.100.2");
  EXPECT_EQ(StateTag(Sliding(1, microseconds(1'010))), "sw1.1.01");
  EXPECT_EQ(StateTag(Log(1, milliseconds(1))), "sl1.1");
  EXPECT_EQ(StateTag(Slots(1, seconds(1))), "co1");
  EXPECT_EQ(StateTag(Slots(1, seconds(2))), "co1");
}

TEST(LargestLimit, IsTheLargestThatTheSameAlgorithmTakes) {
  using Mode = LeakyBucket::Mode;
  const std::vector<Algorithm> all = {Bucket(1, 1, seconds(1)),
                                      CellRate(1, 1, seconds(1)),
                                      Leaky(1, 1, seconds(1), Mode::kShape),
                                      Fixed(1, seconds(1), FixedWindow::Align::kClock),
                                      Sliding(1, seconds(1)),
                                      Log(1, seconds(1)),
                                      Slots(1, seconds(1)),
                                      Bucket(1, 1'000'000'000, seconds(1))};
  for (const Algorithm& algorithm : all) {
    const std::int64_t largest = LargestLimit(algorithm);
    EXPECT_EQ(LimitOf(WithLimit(algorithm, largest).value()), largest) << StateTag(algorithm);
    EXPECT_FALSE(WithLimit(algorithm, largest + 1)) << StateTag(algorithm);
    EXPECT_EQ(LimitOf(WithLimit(algorithm, 0).value()), 0) << StateTag(algorithm);
    EXPECT_FALSE(WithLimit(algorithm, -1)) << StateTag(algorithm);
  }
}

class DecideTatsTest : public ::testing::Test {
 protected:
  bool Decide(std::vector<std::int64_t> costs, std::vector<Nanos> backlogs) {
    decisions_.assign(policies_.size(), Decision{});
    return DecideTats(policies_, costs, backlogs, Nanos{0}, decisions_);
  }
  std::string TextOf(std::size_t policy) const { return Text(decisions_[policy]); }

  // 0.5 s a token, and 0.25 s a token.
  std::vector<Policy> policies_ = {BucketPolicy("a", 2, 2, seconds(1)),
                                   BucketPolicy("b", 4, 4, seconds(1))};
  std::vector<Decision> decisions_;
};

TEST_F(DecideTatsTest, AdmittedByAllChargesAll) {
  EXPECT_TRUE(Decide({1, 2}, {Nanos{0}, milliseconds(100)}));
  EXPECT_EQ(TextOf(0), "admitted, 1 of 2 left, retry 0, reset 500000000");
  EXPECT_EQ(TextOf(1), "admitted, 1 of 4 left, retry 0, reset 600000000");
}

TEST_F(DecideTatsTest, DeniedByTheLastChargesNone) {
  EXPECT_FALSE(Decide({1, 1}, {Nanos{0}, seconds(1)}));
  EXPECT_EQ(TextOf(0), "admitted, 2 of 2 left, retry 0, reset 0");
  EXPECT_EQ(TextOf(1), "denied, 0 of 4 left, retry 250000000, reset 1000000000");
}

TEST_F(DecideTatsTest, DeniedByTheFirstChargesNone) {
  EXPECT_FALSE(Decide({2, 3}, {milliseconds(1), milliseconds(250)}));
  EXPECT_EQ(TextOf(0), "denied, 1 of 2 left, retry 1000000, reset 1000000");
  EXPECT_EQ(TextOf(1), "admitted, 3 of 4 left, retry 0, reset 250000000");
}

TEST_F(DecideTatsTest, DeniedByAllTellsEachItsOwnWait) {
  EXPECT_FALSE(Decide({1, 5}, {seconds(3), seconds(1)}));
  EXPECT_EQ(TextOf(0), "denied, 0 of 2 left, retry 2500000000, reset 3000000000");
  EXPECT_EQ(TextOf(1), "denied, 0 of 4 left, retry never, reset 1000000000");
}

TEST_F(DecideTatsTest, CostZeroPassesAnEmptyPolicyAndChargesItNothing) {
  EXPECT_TRUE(Decide({0, 1}, {seconds(1), Nanos{0}}));
  EXPECT_EQ(TextOf(0), "admitted, 0 of 2 left, retry 0, reset 1000000000");
  EXPECT_EQ(TextOf(1), "admitted, 3 of 4 left, retry 0, reset 250000000");
}

TEST_F(DecideTatsTest, WithOnePolicyIsCheckTat) {
  policies_.pop_back();
  for (const std::int64_t cost : {0, 1, 2, 3}) {
    for (const Nanos backlog : {Nanos{0}, Nanos{1}, Nanos{milliseconds(500)}, Nanos{seconds(9)}}) {
      const TatStep alone = CheckTat(RuleOf(policies_[0].algorithm), backlog, cost, Nanos{0});
      EXPECT_EQ(Decide({cost}, {backlog}), alone.decision.allowed);
      EXPECT_EQ(TextOf(0), Text(alone.decision));
    }
  }
}

TEST_F(DecideTatsTest, AnswersAsEvaluateAndWriteDecisions) {
  Random random(TestSeed());
  int admitted = 0;
  int denied = 0;
  for (int i = Steps(20'000); i > 0; --i) {
    policies_.clear();
    std::vector<std::int64_t> costs;
    std::vector<Nanos> backlogs;
    std::vector<Ask> asks;
    std::vector<Reading> readings;
    for (std::int64_t p = random.Between(1, 4); p > 0; --p) {
      const Policy policy = RandomTatPolicy(random, "p" + std::to_string(p));
      const TatRule& rule = RuleOf(policy.algorithm);
      costs.push_back(RandomCost(random, rule.capacity));
      backlogs.emplace_back(random.OneIn(3) ? 0 : random.Magnitude(rule.Span().count()));
      asks.push_back({.cost = costs.back()});
      readings.push_back({.numbers = {backlogs.back().count()}, .blocked = {}});
      policies_.push_back(policy);
    }
    const Nanos now{random.Magnitude(kLongestSpan.count())};
    const Evaluation evaluation = Evaluate(policies_, asks, readings, kNoWait);
    std::vector<Decision> expected(policies_.size());
    WriteDecisions(policies_, asks, readings, evaluation, {.now = now}, expected);
    std::vector<Decision> quick(policies_.size());
    ASSERT_EQ(DecideTats(policies_, costs, backlogs, now, quick), evaluation.allowed);
    for (std::size_t p = 0; p < quick.size(); ++p) {
      ASSERT_TRUE(Same(quick[p], expected[p]) && quick[p].mark == expected[p].mark)
          << Text(policies_[p]) << "\n  quick:   " << Text(quick[p])
          << "\n  general: " << Text(expected[p]);
    }
    (evaluation.allowed ? admitted : denied) += 1;
  }
  EXPECT_GT(admitted, Steps(20'000) / 10);
  EXPECT_GT(denied, Steps(20'000) / 10);
}

// The decision under a full bucket of 2, of which `backlog` is used.
Decision DecideBlocked(const Policy& policy, std::int64_t cost, Nanos backlog, Nanos blocked) {
  const std::vector<Ask> asks = {{.cost = cost}};
  const std::vector<Reading> readings = {{.numbers = {backlog.count()}, .blocked = blocked}};
  const Evaluation evaluation = Evaluate({&policy, 1}, asks, readings, kNoWait);
  std::vector<Decision> decisions(1);
  WriteDecisions({&policy, 1}, asks, readings, evaluation, Moment{}, decisions);
  return decisions[0];
}

TEST(WriteDecisions, TellsADenialByABlockFromOneByTheQuota) {
  Policy policy = BucketPolicy("a", 2, 2, seconds(1));
  EXPECT_FALSE(DecideBlocked(policy, 1, seconds(0), seconds(0)).blocked);
  EXPECT_FALSE(DecideBlocked(policy, 1, seconds(1), seconds(0)).blocked) << "the quota is used up";
  EXPECT_TRUE(DecideBlocked(policy, 1, seconds(0), seconds(9)).blocked);
  EXPECT_FALSE(DecideBlocked(policy, 0, seconds(0), seconds(9)).blocked) << "admitted";
  EXPECT_FALSE(DecideBlocked(policy, 3, seconds(0), seconds(9)).blocked) << "never admitted";
  policy.block_for = seconds(9);
  EXPECT_TRUE(DecideBlocked(policy, 1, seconds(1), seconds(0)).blocked) << "this denial begins it";
  EXPECT_FALSE(DecideBlocked(policy, 3, seconds(1), seconds(0)).blocked) << "begins none";
}

Decision Admits(std::int64_t remaining, std::int64_t limit) {
  return {.allowed = true, .limit = limit, .remaining = remaining};
}

Decision Denies(Nanos retry_after) {
  return {.allowed = false, .limit = 10, .remaining = 0, .retry_after = retry_after};
}

TEST(BindingPolicy, IsTheOneWithTheSmallestShareLeft) {
  EXPECT_EQ(BindingPolicy(std::vector{Admits(5, 10), Admits(40, 100), Admits(9, 10)}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(1, 1), Admits(999, 1000)}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(0, 5), Admits(1, 5000)}), 0u);
}

TEST(BindingPolicy, OfALimitOf0NoShareIsLeft) {
  EXPECT_EQ(BindingPolicy(std::vector{Admits(1, 10), Admits(0, 0), Admits(5, 10)}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(0, 0), Admits(1, 1'000'000)}), 0u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(0, 0), Admits(0, 10)}), 0u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(0, 10), Admits(0, 0)}), 0u);
}

TEST(BindingPolicy, IsTheFirstOfEquals) {
  EXPECT_EQ(BindingPolicy(std::vector{Admits(5, 10), Admits(50, 100), Admits(1, 2)}), 0u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(9, 10), Denies(seconds(1)), Denies(seconds(1))}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{Denies(kNever), Denies(kNever)}), 0u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(3, 7)}), 0u);
}

TEST(BindingPolicy, IsADenialBeforeAnyAdmission) {
  EXPECT_EQ(BindingPolicy(std::vector{Admits(0, 10), Denies(Nanos{1}), Admits(0, 10)}), 1u);
  Decision too_dear = Denies(seconds(1));
  too_dear.remaining = 9;
  EXPECT_EQ(BindingPolicy(std::vector{too_dear, Admits(0, 10)}), 0u);
}

TEST(BindingPolicy, IsTheDenialThatTakesLongest) {
  EXPECT_EQ(BindingPolicy(std::vector{Denies(seconds(1)), Denies(seconds(3)), Denies(seconds(2))}),
            1u);
  EXPECT_EQ(BindingPolicy(std::vector{Denies(seconds(1)), Denies(kNever), Denies(seconds(9))}), 1u);
}

TEST(BindingPolicy, IsAShadowOnlyWhereNobodyEnforces) {
  const auto shadow = [](Decision decision) {
    decision.enforced = false;
    return decision;
  };
  const Decision would_deny = shadow(Denies(kNever));
  EXPECT_EQ(BindingPolicy(std::vector{would_deny, Admits(9, 10)}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(9, 10), would_deny}), 0u);
  EXPECT_EQ(BindingPolicy(std::vector{shadow(Admits(0, 10)), Denies(Nanos{1})}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{shadow(Admits(3, 10)), would_deny}), 1u);
}

TEST(BindingPolicy, ComparesSharesOfTheLargestLimitsExactly) {
  constexpr std::int64_t kMost = std::int64_t{1} << 42;
  EXPECT_EQ(BindingPolicy(std::vector{Admits(kMost, kMost), Admits(kMost - 1, kMost)}), 1u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(kMost - 2, kMost - 1), Admits(kMost - 1, kMost)}), 0u);
  EXPECT_EQ(BindingPolicy(std::vector{Admits(kMost - 1, kMost), Admits(kMost - 2, kMost - 1)}), 1u);
}

}  // namespace
}  // namespace sluice::testing
