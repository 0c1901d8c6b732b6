// Checks with an id, over a memory store: within a minute the same id is charged once.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "limiter/memory_limiter.h"
#include "store/idempotency_table.h"
#include "support/operations.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/reference_ids.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

constexpr Nanos kSecond = std::chrono::seconds(1);

class CheckId : public ::testing::Test {
 protected:
  void Use(std::vector<Policy> policies) {
    limiter_ = std::make_unique<MemoryLimiter>(std::move(policies), store_, "p");
  }

  // None if the id was charged for something else.
  std::optional<Result> Check(std::string_view id, std::int64_t cost = 1, HolderId holder = {}) {
    return CheckBy(*limiter_, "k", id, {.cost = cost, .limit = kOwnLimit}, holder);
  }
  std::optional<Result> CheckBy(const MemoryLimiter& limiter, std::string_view key,
                                std::string_view id, const Ask& ask, HolderId holder = {}) const {
    const Subject::Question question{.asks = std::vector<Ask>(limiter.policies().size(), ask),
                                     .holder = holder};
    const Result result = Run(limiter, key, Asked(Operation::Kind::kCheck, question, id));
    if (result.id_reused) return std::nullopt;
    return result;
  }
  std::int64_t Left(std::string_view key = "k") const {
    return Run(*limiter_, key, PeekOf(0)).decisions[0].remaining;
  }
  bool Release(HolderId holder) const {
    return Run(*limiter_, "k", With(Operation::Kind::kRelease, 0, {.holder = holder})).done;
  }
  Result Run(const MemoryLimiter& limiter, std::string_view key, const Operation& operation) const {
    Result result;
    const KeyHash hash = limiter.Hash(key);
    limiter.Execute({&hash, 1}, operation, now_, result);
    return result;
  }

  std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>(MemoryStore::Options{});
  std::unique_ptr<MemoryLimiter> limiter_;
  Nanos now_ = 1000 * kSecond;
};

TEST_F(CheckId, ARepeatIsAdmittedAndChargesNothing) {
  Use({BucketPolicy("a", 5, 1, kSecond)});
  const auto first = Check("id", 3);
  EXPECT_TRUE(first->allowed);
  EXPECT_FALSE(first->replayed);
  EXPECT_EQ(first->decisions[0].remaining, 2);
  now_ += kSecond;
  const auto again = Check("id", 3);
  EXPECT_TRUE(again->allowed);
  EXPECT_TRUE(again->replayed);
  // The current state, with the mark of the original charge.
  EXPECT_EQ(again->decisions[0].remaining, 3);
  EXPECT_EQ(again->decisions[0].reset_after, 2 * kSecond);
  EXPECT_EQ(again->decisions[0].mark, first->decisions[0].mark);
  EXPECT_EQ(Left(), 3);
}

TEST_F(CheckId, IsAdmittedThoughTheKeyHasNothingLeftOrIsBlocked) {
  Use({BucketPolicy("a", 5, 1, kSecond)});
  Check("id", 3);
  Check("other", 2);
  EXPECT_FALSE(Check("third")->allowed);
  EXPECT_TRUE(Check("id", 3)->allowed);
  Run(*limiter_, "k", With(Operation::Kind::kBlock, 0, {.block_for = kSecond}));
  EXPECT_TRUE(Check("id", 3)->allowed);
  EXPECT_EQ(Check("id", 3)->decisions[0].remaining, 0);
}

TEST_F(CheckId, AnotherCostLimitOrPlanUnderItIsRefusedAndNothingIsDone) {
  const std::vector policies = {BucketPolicy("a", 5, 1, kSecond)};
  Use(policies);
  Check("id", 1);
  EXPECT_FALSE(Check("id", 2));
  EXPECT_FALSE(CheckBy(*limiter_, "k", "id", {.cost = 1, .limit = 4}));
  const MemoryLimiter pro(policies, store_, "p", {.limiter = "", .plan = "pro"});
  EXPECT_FALSE(CheckBy(pro, "k", "id", {.cost = 1}));
  EXPECT_EQ(Left(), 4);
  EXPECT_TRUE(Check("id", 1)->replayed);
}

TEST_F(CheckId, IsAnotherForAnotherKeyPrefixOrLimiter) {
  const std::vector policies = {BucketPolicy("a", 5, 1, kSecond)};
  Use(policies);
  Check("id");
  EXPECT_FALSE(CheckBy(*limiter_, "l", "id", {.cost = 2})->replayed);
  EXPECT_EQ(Left("l"), 3);
  const MemoryLimiter other_prefix(policies, store_, "q");
  EXPECT_FALSE(CheckBy(other_prefix, "k", "id", {.cost = 2})->replayed);
  const MemoryLimiter other(policies, store_, "p", {.limiter = "other", .plan = ""});
  EXPECT_FALSE(CheckBy(other, "k", "id", {.cost = 2})->replayed);
  EXPECT_EQ(Left(), 2);  // these two share their counts, but not their ids
}

TEST_F(CheckId, ADenialIsJudgedAnew) {
  Use({BucketPolicy("a", 5, 1, kSecond)});
  Check("first", 5);
  EXPECT_FALSE(Check("id", 2)->allowed);
  now_ += 2 * kSecond;
  const auto admitted = Check("id", 2);
  EXPECT_TRUE(admitted->allowed);
  EXPECT_FALSE(admitted->replayed);
  EXPECT_EQ(Left(), 0);
}

TEST_F(CheckId, WhatWasNotChargedIsNotRemembered) {
  Use({BucketPolicy("a", 5, 1, kSecond)});
  EXPECT_FALSE(Check("id", 0)->replayed);
  EXPECT_FALSE(Check("id", 1)->replayed);
  EXPECT_TRUE(Check("id", 1)->replayed);
}

TEST_F(CheckId, WhatCanNeverBeAdmittedIsDeniedUnderAnyId) {
  Use({BucketPolicy("a", 5, 1, kSecond)});
  Check("id", 1);
  const auto denied = Check("id", 6);
  ASSERT_TRUE(denied);
  EXPECT_FALSE(denied->allowed);
  EXPECT_EQ(denied->decisions[0].retry_after, kNever);
}

TEST_F(CheckId, IsKnownForAMinute) {
  Use({BucketPolicy("a", 5, 1, std::chrono::hours(1))});
  Check("id");
  now_ += kIdLife - Nanos{1};
  EXPECT_TRUE(Check("id")->replayed);
  now_ += Nanos{1};
  EXPECT_FALSE(Check("id")->replayed);
  EXPECT_EQ(Left(), 3);
}

TEST_F(CheckId, AClockThatStepsBackMakesItKnownForAnotherMinuteAtMost) {
  Use({BucketPolicy("a", 5, 1, std::chrono::hours(1))});
  Check("id");
  now_ -= kIdLife - Nanos{1};
  EXPECT_TRUE(Check("id")->replayed);
  now_ -= Nanos{1};
  EXPECT_FALSE(Check("id")->replayed);
}

TEST_F(CheckId, ARepeatOfAShapedCallWaitsForWhatIsLeftOfItsDelay) {
  Use({{.name = "a", .algorithm = Leaky(5, 1, kSecond, LeakyBucket::Mode::kShape)}});
  Check("first", 3);
  EXPECT_EQ(Check("id")->decisions[0].delay, 3 * kSecond);
  now_ += kSecond;
  EXPECT_EQ(Check("id")->decisions[0].delay, 2 * kSecond);
  now_ += 9 * kSecond;
  EXPECT_EQ(Check("id")->decisions[0].delay, Nanos{0});
}

TEST_F(CheckId, ARepeatHasTheSlotsOfTheFirst) {
  Use({{.name = "a", .algorithm = Slots(2, std::chrono::hours(1))}});
  const HolderId first{1, 1};
  Check("id", 1, first);
  const auto again = Check("id", 1, {2, 2});
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->holder, first);
  EXPECT_EQ(Left(), 1);
  EXPECT_TRUE(Release(first));
  EXPECT_FALSE(Release({2, 2}));
}

TEST_F(CheckId, ARepeatWhoseSlotIsGoneTakesOneAgainAndIsChargedForNothingElse) {
  Use({BucketPolicy("b", 5, 1, kSecond),
       {.name = "a", .algorithm = Slots(1, std::chrono::hours(1))}});
  const HolderId first{1, 1};
  Check("id", 1, first);
  Release(first);
  const auto again = Check("id", 1, {2, 2});
  EXPECT_TRUE(again->allowed);
  EXPECT_EQ(again->holder, first);
  EXPECT_EQ(Left(), 4);
  EXPECT_TRUE(Release(first));
  // Without a free slot the repeat is denied.
  Check("other", 1, {3, 3});
  const auto denied = Check("id", 1, {2, 2});
  EXPECT_FALSE(denied->allowed);
  EXPECT_TRUE(denied->decisions[0].allowed);
  EXPECT_FALSE(denied->decisions[1].allowed);
  EXPECT_EQ(denied->binding, 1);
  EXPECT_EQ(Left(), 3);
}

TEST_F(CheckId, ADeniedReplayKeepsAStateWhoseSlotsHaveExpired) {
  Use({{.name = "a", .algorithm = Slots(1, 10 * kSecond)}});
  const HolderId holder{1, 1};
  Check("id", 1, holder);
  now_ += 20 * kSecond;
  Run(*limiter_, "k", With(Operation::Kind::kBlock, 0, {.block_for = kSecond}));
  const auto replay = Check("id", 1, {2, 2});
  EXPECT_TRUE(replay->replayed);
  EXPECT_FALSE(replay->allowed);
  now_ -= 15 * kSecond;  // the slot has 5 s left
  EXPECT_TRUE(Release(holder));
}

TEST_F(CheckId, AShadowThatWouldHaveDeniedSaysSoAgain) {
  Policy shadow = BucketPolicy("s", 1, 1, kSecond);
  shadow.enforce = false;
  Use({BucketPolicy("a", 5, 1, kSecond), shadow});
  Check("id", 2);
  now_ += 10 * kSecond;
  const auto again = Check("id", 2);
  EXPECT_TRUE(again->allowed);
  EXPECT_FALSE(again->decisions[1].allowed);
}

TEST_F(CheckId, AnAbortedCheckIsJudgedAnew) {
  Use({BucketPolicy("a", 5, 1, kSecond)});
  const std::int64_t mark = Check("id")->decisions[0].mark;
  // Credits the charge, too.
  Run(*limiter_, "k",
      With(Operation::Kind::kAbort, 1, {.marks = Operation::Marks{mark}, .id = "id"}));
  EXPECT_EQ(Left(), 5);
  EXPECT_FALSE(Check("id")->replayed);
  EXPECT_EQ(Left(), 4);
}

TEST_F(CheckId, TheOldestAreForgottenWhenThereAreTooMany) {
  Use({BucketPolicy("a", 1'000'000, 1, kSecond)});
  Check("first");
  for (std::size_t i = 0; i < 2 * IdempotencyTable::kCapacity; ++i) Check("id" + std::to_string(i));
  EXPECT_LE(store_->ids().size(), IdempotencyTable::kCapacity);
  EXPECT_GT(store_->ids().size(), IdempotencyTable::kCapacity * 9 / 10);
  EXPECT_FALSE(Check("first")->replayed);
  EXPECT_TRUE(Check("id" + std::to_string(2 * IdempotencyTable::kCapacity - 1))->replayed);
  // The slots expire in time, too.
  now_ += 2 * kIdLife;
  for (int i = 0; i < 1'000; ++i) Check("new" + std::to_string(i));
  EXPECT_LE(store_->ids().size(), 1'000U);
}

TEST_F(CheckId, ThreadsThatBringItAtOnceAreChargedOnce) {
  Use({BucketPolicy("a", 100'000, 1, kSecond)});
  constexpr int kThreads = 4;
  const int rounds = Steps(2'000);
  std::atomic<int> first{0};
  std::atomic<int> at_line{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        // All enter a round together.
        ++at_line;
        while (at_line.load() < (round + 1) * kThreads) std::this_thread::yield();
        const auto result = Check("id" + std::to_string(round));
        if (result && result->allowed && !result->replayed) ++first;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(first, rounds);
  EXPECT_EQ(Left(), 100'000 - rounds);
}

TEST_F(CheckId, DecidesAsThePlainModelDoes) {
  Random random(TestSeed());
  int repeated = 0;
  int reused = 0;
  int denied_again = 0;
  const int traces = Steps(300);
  for (int trace = 0; trace < traces; ++trace) {
    std::vector<Policy> policies;
    for (std::int64_t p = random.Between(1, 3); p > 0; --p) {
      policies.push_back(RandomMixedPolicy(random, "p" + std::to_string(p)));
    }
    store_ = std::make_shared<MemoryStore>(MemoryStore::Options{});
    Use(policies);
    ReferenceKey model;
    model.Use(policies);
    ReferenceIds ids;
    TraceClock clock(random, Nanos{1000});
    std::uint64_t holders = 0;
    for (int step = 0; step < 60; ++step) {
      now_ = clock.now();
      const std::string id = "i" + std::to_string(random.Between(1, 2));
      Subject::Question question{.asks = {}, .holder = {.high = 5, .low = ++holders}};
      for (const Policy& policy : policies) {
        question.asks.push_back({.cost = RandomCost(random, LimitOf(policy.algorithm))});
      }
      const auto* const known = ids.Find(id, clock.now());
      if (known != nullptr && !random.OneIn(6)) question.asks = known->question.asks;
      if (known != nullptr && random.OneIn(4)) {
        EXPECT_EQ(Release(known->question.holder),
                  model.Release(known->question.holder, clock.now()));
      }
      std::vector<Decision> modelled(policies.size());
      const auto outcome = ids.Check(model, policies, question, id, clock.now(), modelled);
      const Result result = Run(*limiter_, "k", Asked(Operation::Kind::kCheck, question, id));
      ASSERT_EQ(result.id_reused, outcome.reused) << "trace " << trace << ", step " << step;
      reused += outcome.reused ? 1 : 0;
      if (outcome.reused) continue;
      ASSERT_EQ(result.replayed, outcome.replayed) << "trace " << trace << ", step " << step;
      ASSERT_EQ(result.allowed, outcome.allowed) << "trace " << trace << ", step " << step;
      repeated += outcome.replayed ? 1 : 0;
      denied_again += outcome.replayed && !outcome.allowed ? 1 : 0;
      for (std::size_t i = 0; i < policies.size(); ++i) {
        ASSERT_TRUE(Same(result.decisions[i], modelled[i]))
            << "trace " << trace << ", step " << step << "\n  " << Text(policies[i])
            << "\n  store: " << Text(result.decisions[i]) << "\n  model: " << Text(modelled[i]);
      }
      clock.Step(random, modelled);
    }
  }
  EXPECT_GT(repeated, traces);
  EXPECT_GT(reused, traces / 10);
  EXPECT_GT(denied_again, 0);
}

}  // namespace
}  // namespace sluice::testing
