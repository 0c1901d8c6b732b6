// The answers of the denial cache.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "denial_fixture.h"
#include "support/scale.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

// 10 at once, 1 a second; a full bucket is 10 s of backlog.
Policy Ten(std::string name = "ten") { return BucketPolicy(std::move(name), 10, 1, seconds(1)); }

TEST(DenialCache, AnswersWhoIsDeniedAndAsksAgainCountedDown) {
  DenialFixture redis({Ten()});
  const auto denied = redis.Deny("k", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  ASSERT_EQ(denied[0].retry_after, seconds(2));

  const auto answer = redis.Again("k", {3}, seconds(50) + milliseconds(400));
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->allowed);
  EXPECT_EQ(answer->source, Source::kCache);
  EXPECT_EQ(answer->count, 1);
  const Decision& decision = answer->decisions[0];
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.limit, 10);
  EXPECT_EQ(decision.remaining, 1) << "as then";
  EXPECT_EQ(decision.retry_after, milliseconds(1600));
  EXPECT_EQ(decision.reset_after, milliseconds(8600));
  EXPECT_EQ(decision.delay, Nanos{0});
}

TEST(DenialCache, AnswersNobodyElse) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  EXPECT_FALSE(redis.Again("K", {3}, seconds(50)));
  EXPECT_TRUE(redis.Again("k", {3}, seconds(50)));
}

TEST(DenialCache, TellsAHigherCostItsOwnWait) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  EXPECT_EQ(redis.Again("k", {5}, seconds(50))->decisions[0].retry_after, seconds(4));
  EXPECT_EQ(redis.Again("k", {11}, seconds(50))->decisions[0].retry_after, kNever);
}

TEST(DenialCache, LeavesALowerCostToRedisWhoseAnswerIsThenTheOneThatCounts) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  EXPECT_FALSE(redis.Again("k", {2}, seconds(50)));
  EXPECT_FALSE(redis.Again("k", {3}, seconds(50))) << "the lower cost may have been admitted";
}

TEST(DenialCache, LeavesWhatCostsNothingToRedis) {
  DenialFixture redis({Ten("a"), Ten("b")});
  redis.Deny("k", {0, 11}, {Backlog(Nanos{0}), Backlog(Nanos{0})}, seconds(50), seconds(50));
  EXPECT_TRUE(redis.Again("k", {0, 11}, seconds(50)));
  EXPECT_FALSE(redis.Again("k", {0, 0}, seconds(50)));
}

TEST(DenialCache, ForgetsWhomItIsToldTo) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  redis.Deny("l", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  redis.cache().Forget("k");
  EXPECT_FALSE(redis.Again("k", {3}, seconds(50)));
  EXPECT_TRUE(redis.Again("l", {3}, seconds(50)));
}

TEST(DenialCache, KeepsOfEachCallerTheLastDenial) {
  DenialFixture redis({Ten("a"), Ten("b")});
  redis.Deny("k", {1, 3}, {Backlog(seconds(5)), Backlog(seconds(9))}, seconds(50), seconds(50));
  redis.Deny("k", {3, 1}, {Backlog(seconds(9)), Backlog(seconds(5))}, seconds(50), seconds(50));
  const auto answer = redis.Again("k", {3, 1}, seconds(50));
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->decisions[0].allowed);
  EXPECT_TRUE(answer->decisions[1].allowed);
  EXPECT_TRUE(redis.Again("k", {3, 0}, seconds(50))) << "b no longer denies";
}

// Policies

TEST(DenialCache, JudgesEachPolicyByItsOwnCost) {
  DenialFixture redis({Ten("a"), Ten("b")});
  redis.Deny("k", {3, 1}, {Backlog(seconds(9)), Backlog(seconds(9))}, seconds(50), seconds(50));

  const auto other = redis.Again("k", {3, 2}, seconds(50));
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->decisions[1].allowed) << "b would deny 2";
  EXPECT_EQ(other->binding, 0);
  const auto far = redis.Again("k", {3, 8}, seconds(50));
  EXPECT_EQ(far->binding, 1) << "it takes longest";
  EXPECT_EQ(far->decisions[1].retry_after, seconds(7));
  EXPECT_TRUE(redis.Again("k", {3, 0}, seconds(50))) << "b did not deny";
  EXPECT_FALSE(redis.Again("k", {2, 9}, seconds(50))) << "a did";
}

TEST(DenialCache, IsNothingForPoliciesThatMustBeTold) {
  Policy charging = Ten("charging");
  charging.charge_denied = true;
  const Policy slots{.name = "slots", .algorithm = Slots(1, seconds(9))};
  EXPECT_TRUE(DenialCache::Suits(std::vector{Ten()}));
  EXPECT_FALSE(DenialCache::Suits(std::vector{Ten(), charging}));
  EXPECT_FALSE(DenialCache::Suits(std::vector{slots}));
  EXPECT_TRUE(DenialCache::Suits(std::vector{slots, Ten()}));
}

TEST(DenialCache, KeepsNoDenialBySlots) {
  DenialFixture redis({Ten(), {.name = "slots", .algorithm = Slots(1, seconds(9))}});
  const Reading taken{.numbers = {1, 9'000'000, 9'000'000}};
  const Reading free{.numbers = {0, 0, 0}};
  redis.Deny("slot", {1, 1}, {Backlog(Nanos{0}), taken}, seconds(50), seconds(50));
  EXPECT_FALSE(redis.cache().MayHold("slot", seconds(50)));
  redis.Deny("both", {3, 1}, {Backlog(seconds(9)), taken}, seconds(50), seconds(50));
  EXPECT_FALSE(redis.Again("both", {3, 1}, seconds(50)));
  redis.Deny("rate", {3, 1}, {Backlog(seconds(9)), free}, seconds(50), seconds(50));
  EXPECT_TRUE(redis.Again("rate", {3, 1}, seconds(50)));
  redis.Deny("none", {3, 0}, {Backlog(seconds(9)), taken}, seconds(50), seconds(50));
  EXPECT_TRUE(redis.Again("none", {3, 0}, seconds(50)));
  EXPECT_FALSE(redis.Again("none", {3, 1}, seconds(50))) << "only now is a slot asked for";
}

TEST(DenialCache, TellsOfAShadowForAsLongAsItDenies) {
  Policy shadow = Ten("shadow");
  shadow.enforce = false;
  DenialFixture redis({Ten(), shadow});
  const auto denied =
      redis.Deny("k", {5, 1}, {Backlog(seconds(9)), Backlog(seconds(9) + milliseconds(200))},
                 seconds(50), seconds(50));
  ASSERT_EQ(denied[1].retry_after, milliseconds(200));
  const auto answer = redis.Again("k", {5, 1}, seconds(50) + milliseconds(199));
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->decisions[1].allowed);
  EXPECT_FALSE(answer->decisions[1].enforced);
  EXPECT_EQ(answer->binding, 0);
  EXPECT_FALSE(redis.Again("k", {5, 1}, seconds(50) + milliseconds(200)));
}

TEST(DenialCache, TellsOfAShadowThatThisCostAloneMakesDeny) {
  Policy shadow = Ten("shadow");
  shadow.enforce = false;
  DenialFixture redis({Ten(), shadow});
  redis.Deny("k", {5, 2}, {Backlog(seconds(9)), Backlog(seconds(9))}, seconds(50), seconds(50));
  EXPECT_TRUE(redis.Again("k", {5, 1}, seconds(50))->decisions[1].allowed);
  EXPECT_FALSE(redis.Again("k", {5, 2}, seconds(50))->decisions[1].allowed);
  EXPECT_TRUE(redis.Again("k", {5, 0}, seconds(50))->decisions[1].allowed)
      << "a shadow may be asked for less: it did not deny the check";
}

TEST(DenialCache, KnowsOfTheBlockThatTheDenialBegan) {
  Policy blocking = Ten();
  blocking.block_for = seconds(60);
  DenialFixture redis({blocking});
  redis.Deny("k", {3}, {Backlog(seconds(9))}, seconds(50), seconds(50));
  const auto answer = redis.Again("k", {3}, seconds(50) + milliseconds(500));
  EXPECT_EQ(answer->decisions[0].retry_after, seconds(59) + milliseconds(500));
  EXPECT_TRUE(answer->decisions[0].blocked);
  EXPECT_EQ(answer->decisions[0].remaining, 0);
}

TEST(DenialCache, LeavesToRedisWhatWouldBeginABlock) {
  Policy blocking = Ten("blocking");
  blocking.block_for = seconds(60);
  for (const bool enforce : {true, false}) {
    blocking.enforce = enforce;
    DenialFixture redis({Ten(), blocking});
    redis.Deny("k", {3, 1}, {Backlog(seconds(9)), Backlog(seconds(5))}, seconds(50), seconds(50));
    EXPECT_TRUE(redis.Again("k", {3, 5}, seconds(50)));
    EXPECT_FALSE(redis.Again("k", {3, 6}, seconds(50)));
  }
}

TEST(DenialCache, TakesALogsReadingForTheCostThatItWasMadeFor) {
  DenialFixture redis({{.name = "log", .algorithm = Log(10, seconds(60))}, Ten()});
  // 9 units; enough for 3 more leave in 20 s, the last in 50 s.
  const Reading log{.numbers = {9, 20'000'000, 50'000'000}};
  redis.Deny("k", {3, 1}, {log, Backlog(Nanos{0})}, seconds(50), seconds(50));
  EXPECT_EQ(redis.Again("k", {3, 2}, seconds(50))->decisions[0].retry_after, seconds(20));
  EXPECT_FALSE(redis.Again("k", {4, 2}, seconds(50)));
}

TEST(DenialCache, AnswersUnderWindows) {
  DenialFixture redis(
      {{.name = "fixed", .algorithm = Fixed(10, seconds(60), FixedWindow::Align::kFirstRequest)},
       {.name = "sliding", .algorithm = Sliding(10, seconds(60))}});
  const Reading fixed{.numbers = {30'000'000, 10}};
  const Reading sliding{.numbers = {30'000'000, 10, 0}};
  const auto denied = redis.Deny("k", {1, 1}, {fixed, sliding}, seconds(50), seconds(50));
  const auto answer = redis.Again("k", {1, 1}, seconds(50) + milliseconds(1));
  ASSERT_TRUE(answer);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(answer->decisions[i].retry_after, denied[i].retry_after - milliseconds(1));
    EXPECT_EQ(answer->decisions[i].reset_after, denied[i].reset_after - milliseconds(1));
  }
}

// With random numbers: it answers only where it may, and like an undisturbed bucket.
TEST(DenialCache, SaysWhatAnUndisturbedBucketWouldSay) {
  Random random(TestSeed());
  int answered = 0;
  for (int step = Steps(20'000); step > 0; --step) {
    const Policy policy = BucketPolicy("p", random.Magnitude(100), random.Magnitude(100),
                                       Nanos{random.Magnitude(10'000'000'000)} + milliseconds(1));
    const TatRule rule = RuleOf(policy.algorithm);
    const Nanos backlog{random.Between(1, (rule.Span() + rule.interval).count())};
    const auto wait = [&](std::int64_t cost) {
      if (cost > rule.capacity) return kNever;
      return std::max(Nanos{0}, backlog - (rule.capacity - cost) * rule.interval);
    };
    const std::int64_t cost = random.Between(1, rule.capacity + 1);
    if (wait(cost) == Nanos{0}) continue;
    const Nanos asked{random.Magnitude(1'000'000'000'000)};
    const Nanos told = asked + Nanos{random.Magnitude(100'000'000)};
    DenialFixture redis({policy});
    ASSERT_EQ(redis.Deny("k", {cost}, {Backlog(backlog)}, asked, told)[0].retry_after, wait(cost));

    const std::int64_t again = random.OneIn(2) ? cost : random.Between(1, rule.capacity + 2);
    const Nanos later = told + Nanos{random.Magnitude(1'500'000'000)};
    const auto answer = redis.Again("k", {again}, later);
    const Nanos life = std::min<Nanos>(seconds(1), wait(cost));
    ASSERT_EQ(answer.has_value(), again >= cost && later < asked + life);
    if (!answer) continue;
    ++answered;
    const Nanos left = wait(again) == kNever ? kNever : wait(again) - (later - told);
    ASSERT_EQ(answer->decisions[0].retry_after, left);
    ASSERT_GT(left, Nanos{0});
  }
  EXPECT_GT(answered, 0);
}

}  // namespace
}  // namespace sluice::testing
