// Quick policies, impossible costs, and the effects on readings.
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "core/policy.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Policy FiveIn(Nanos window) { return {"p", Fixed(5, window, FixedWindow::Align::kFirstRequest)}; }

TEST(IsPlainTat, IsABucketWithoutOptions) {
  const Policy plain = BucketPolicy("p", 5, 5, seconds(1));
  EXPECT_TRUE(IsPlainTat(plain));
  EXPECT_FALSE(IsPlainTat(FiveIn(seconds(1))));
  Policy policy = plain;
  policy.block_for = Nanos{1};
  EXPECT_FALSE(IsPlainTat(policy));
  policy = plain;
  policy.charge_denied = true;
  EXPECT_FALSE(IsPlainTat(policy));
  policy = plain;
  policy.enforce = false;
  EXPECT_FALSE(IsPlainTat(policy));
}

TEST(ExceedsCapacity, IsACostThatAnEnforcingPolicyCanNeverAdmit) {
  std::vector<Policy> policies = {FiveIn(seconds(1)), BucketPolicy("b", 2, 2, seconds(1))};
  const auto exceeds_capacity = [&](std::vector<Ask> asks) {
    return ExceedsCapacity(policies, asks);
  };
  EXPECT_FALSE(exceeds_capacity({{.cost = 5}, {.cost = 2}}));
  EXPECT_TRUE(exceeds_capacity({{.cost = 6}, {.cost = 0}}));
  EXPECT_TRUE(exceeds_capacity({{.cost = 0}, {.cost = 3}}));
  EXPECT_FALSE(exceeds_capacity({{.cost = 0}, {.cost = 3, .limit = 3}}));
  EXPECT_TRUE(exceeds_capacity({{.cost = 4, .limit = 3}, {.cost = 0}}));
  policies[1].enforce = false;
  EXPECT_FALSE(exceeds_capacity({{.cost = 1}, {.cost = 3}}));
}

TEST(ExceedsCapacity, IsNoCostOfASlot) {
  const std::vector<Policy> policies = {{"c", Slots(1, seconds(1))}};
  EXPECT_FALSE(ExceedsCapacity(policies, std::vector<Ask>{{.cost = 1000}}));
}

TEST(After, IsTheReadingOfTheCallThatWasCharged) {
  Policy policy = FiveIn(seconds(1));
  const Reading before{.numbers = {400'000, 3, 0}, .blocked = {}};
  const auto after = [&](Evaluation::Part part) {
    return ReadingAfter(policy, {.cost = 2}, before, part);
  };
  EXPECT_EQ(after({}).numbers, before.numbers);
  EXPECT_EQ(after({.effect = Effect::kCharge}).numbers[1], 5);
  EXPECT_EQ(after({.effect = Effect::kChargeDenied}).numbers[1], 5);
  policy.block_for = seconds(7);
  EXPECT_EQ(after({.starts_block = true}).blocked, seconds(7));
  EXPECT_EQ(after({.effect = Effect::kCharge}).blocked, Nanos{0});
}

TEST(Debited, NeverLowersTheDebtThatAStepBackMadeLonger) {
  const TokenBucket bucket = Bucket(1, 1, kLongestSpan);
  const std::int64_t longer = (kLongestSpan + seconds(1)).count();
  const auto after = [&](std::int64_t backlog) {
    return bucket.Debited({.numbers = {backlog, 0, 0}, .blocked = {}}, 1).numbers[0];
  };
  EXPECT_EQ(after(longer), longer);
  EXPECT_EQ(after(5), kLongestSpan.count());
}

TEST(WriteDecisions, NamesTheChargeByItsMoment) {
  const std::vector<Policy> policies = {BucketPolicy("b", 2, 2, seconds(1)),
                                        FiveIn(seconds(1)),
                                        {"s", Sliding(5, seconds(1))},
                                        {"l", Log(5, seconds(1))}};
  const std::vector<Ask> asks(4);
  // At 10.4 s: 100 ms of backlog; a window from 10.0 s; entries, the newest at 10.3 s.
  const Moment now{.now = milliseconds(10'400), .wall = milliseconds(10'400)};
  const std::vector<Reading> readings = {{.numbers = {100'000'000, 0, 0}, .blocked = {}},
                                         {.numbers = {600'000, 1, 0}, .blocked = {}},
                                         {.numbers = {600'000, 1, 1}, .blocked = {}},
                                         {.numbers = {1, 0, 900'000}, .blocked = {}}};
  const Evaluation evaluation = Evaluate(policies, asks, readings, kNoWait);
  EXPECT_TRUE(evaluation.allowed);
  std::vector<Decision> decisions(4);
  WriteDecisions(policies, asks, readings, evaluation, now, decisions);
  EXPECT_EQ(decisions[0].mark, Nanos{milliseconds(11'000)}.count());
  EXPECT_EQ(decisions[1].mark, 10'000'000);
  EXPECT_EQ(decisions[2].mark, 10'000'000);
  EXPECT_EQ(decisions[3].mark, 10'400'000);
}

}  // namespace
}  // namespace sluice::testing
