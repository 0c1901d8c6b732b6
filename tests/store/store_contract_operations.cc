// The contract for all other operations: debts, giving back, slots, blocks, forgetting.
// tests/vectors has the numbers of each algorithm.
#include <chrono>

#include "store/store_contract.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::seconds;

constexpr auto kFirst = FixedWindow::Align::kFirstRequest;
constexpr HolderId kAlice{.high = 1, .low = 1};
constexpr HolderId kBob{.high = 1, .low = 2};

std::vector<Policy> Quotas() {
  return {{.name = "tokens", .algorithm = Bucket(10, 10, seconds(10))},
          {.name = "fixed", .algorithm = Fixed(10, seconds(10), kFirst)},
          {.name = "sliding", .algorithm = Sliding(10, seconds(10))},
          {.name = "log", .algorithm = Log(10, seconds(10))}};
}

Subject::Question Held(HolderId holder, std::int64_t cost = 1, std::size_t policies = 1) {
  return {.asks = std::vector<Ask>(policies, {.cost = cost}), .holder = holder};
}

TEST_P(StoreContract, ADebitIsChargedWhetherThereIsRoomOrNot) {
  policies_ = Quotas();
  const std::vector<std::int64_t> units = {7, 7, 7, 7};
  Key("k").Debit(units, now_);
  Check("k", {0, 0, 0, 0});
  for (const Decision& decision : decisions_) EXPECT_EQ(decision.remaining, 3);
  Key("k").Debit(units, now_);
  Check("k", {1, 1, 1, 1});
  for (const Decision& decision : decisions_) {
    EXPECT_FALSE(decision.allowed);
    EXPECT_EQ(decision.remaining, 0);
  }
  EXPECT_EQ(decisions_[0].retry_after, seconds(5)) << "a debt of 4, and 1 more";
  EXPECT_EQ(Check("other", {1, 1, 1, 1}).find("denied"), std::string::npos);
}

TEST_P(StoreContract, ADebitOfNothingIsNothing) {
  policies_ = Quotas();
  Key("k").Debit(std::vector<std::int64_t>{0, 0, 0, 0}, now_);
  EXPECT_EQ(Peek("k", {0, 0, 0, 0}), Peek("new", {0, 0, 0, 0}));
}

TEST_P(StoreContract, ADebitTakesNoSlot) {
  policies_ = {{.name = "slots", .algorithm = Slots(2, seconds(10))}};
  Key("k").Debit(std::vector<std::int64_t>{5}, now_);
  EXPECT_EQ(Peek("k", Held(kAlice)).substr(0, 18), "admitted, 2 of 2 l");
}

TEST_P(StoreContract, WhatIsGivenBackIsThereAgain) {
  policies_ = Quotas();
  Check("k", {6, 6, 6, 6});
  Key("k").Credit(std::vector<std::int64_t>{4, 4, 4, 4}, Marks(), now_);
  Check("k", {0, 0, 0, 0});
  for (const Decision& decision : decisions_) EXPECT_EQ(decision.remaining, 8);
}

TEST_P(StoreContract, GivingBackNeverMakesMoreThanThereWas) {
  policies_ = Quotas();
  const std::vector<std::int64_t> many = {1'000, 1'000, 1'000, 1'000};
  Key("k").Credit(many, {}, now_);
  Check("k", {3, 3, 3, 3});
  Key("k").Credit(many, {}, now_);
  Key("k").Credit(many, Marks(), now_);
  EXPECT_EQ(Peek("k", {1, 1, 1, 1}), Peek("new", {1, 1, 1, 1}));
}

TEST_P(StoreContract, GivingBackLateGivesBackOnlyWhatHasNotDrained) {
  policies_ = Quotas();
  Check("k", {5, 5, 5, 5});
  const std::vector<std::int64_t> marks = Marks();
  SetTime(now_ + seconds(10));
  Check("k", {5, 5, 5, 5});
  ASSERT_EQ(decisions_[0].remaining, 5);
  Key("k").Credit(std::vector<std::int64_t>{5, 5, 5, 5}, marks, now_);
  Check("k", {0, 0, 0, 0});
  EXPECT_EQ(decisions_[0].remaining, 5) << "drained";
  EXPECT_EQ(decisions_[1].remaining, 5) << "of the window before";
  EXPECT_EQ(decisions_[2].remaining, 5) << "of the window before, which still counts in full";
  EXPECT_EQ(decisions_[3].remaining, 5) << "left the log";
}

TEST_P(StoreContract, TheLongestChargeIsGivenBackAfterTheClockSteppedBack) {
  policies_ = {{.name = "months", .algorithm = Bucket(100, 1, std::chrono::days(1))}};
  SetTime(now_ + std::chrono::hours(1));
  Check("k", {100});
  ASSERT_TRUE(decisions_[0].allowed);
  SetTime(now_ - std::chrono::hours(1));
  Key("k").Credit(std::vector<std::int64_t>{40}, Marks(), now_);
  Check("k", {0});
  EXPECT_EQ(decisions_[0].remaining, 39) << "an hour of the 40 days is due to the clock";
}

TEST_P(StoreContract, GivingBackTouchesOnlyThePoliciesWithUnits) {
  policies_ = Quotas();
  Check("k", {6, 6, 6, 6});
  Key("k").Credit(std::vector<std::int64_t>{0, 4, 0, 1}, {}, now_);
  Check("k", {0, 0, 0, 0});
  EXPECT_EQ(decisions_[0].remaining, 4);
  EXPECT_EQ(decisions_[1].remaining, 8);
  EXPECT_EQ(decisions_[2].remaining, 4);
  EXPECT_EQ(decisions_[3].remaining, 5);
}

TEST_P(StoreContract, AnAbortedWaitGivesItsTurnBackOnlyToTheLastInLine) {
  policies_ = {{.name = "tokens", .algorithm = Bucket(1, 1, seconds(1))}};
  const Subject::Question waits{.asks = {{.cost = 1}}, .max_wait = seconds(10), .holder = {}};
  Check("k", waits);
  Check("k", waits);
  const std::vector<std::int64_t> second = Marks();
  EXPECT_EQ(decisions_[0].delay, seconds(1));
  Check("k", waits);
  const std::vector<std::int64_t> third = Marks();
  EXPECT_EQ(decisions_[0].delay, seconds(2));
  const std::vector<std::int64_t> one = {1};
  Key("k").Abort(one, second, now_);  // the third waits behind it
  Peek("k", waits);
  EXPECT_EQ(decisions_[0].delay, seconds(3));
  Key("k").Abort(one, third, now_);
  Peek("k", waits);
  EXPECT_EQ(decisions_[0].delay, seconds(2));
}

TEST_P(StoreContract, AWaitThatWouldBeTooLongIsDeniedAndCharged) {
  policies_ = {{.name = "tokens", .algorithm = Bucket(1, 1, seconds(1))}};
  Check("k", {1});
  const Subject::Question waits{
      .asks = {{.cost = 1}}, .max_wait = seconds(1) - Tick(), .holder = {}};
  EXPECT_EQ(Check("k", waits).substr(0, 6), "denied");
  EXPECT_EQ(decisions_[0].retry_after, Tick());
}

TEST_P(StoreContract, AReleasedSlotIsFreeAndNobodyElses) {
  policies_ = {{.name = "slots", .algorithm = Slots(2, seconds(10))}};
  Check("k", Held(kAlice));
  Check("k", Held(kBob));
  EXPECT_EQ(Check("k", Held({.high = 1, .low = 3})).substr(0, 6), "denied");
  EXPECT_FALSE(Key("other").Release(kAlice, now_));
  EXPECT_FALSE(Key("k").Release({.high = 2, .low = 1}, now_));
  EXPECT_TRUE(Key("k").Release(kAlice, now_));
  EXPECT_FALSE(Key("k").Release(kAlice, now_));
  EXPECT_EQ(Check("k", Held(kAlice)).substr(0, 8), "admitted");
  EXPECT_EQ(Check("k", Held({.high = 1, .low = 3})).substr(0, 6), "denied");
}

TEST_P(StoreContract, ASlotLastsAsLongAsItIsRenewed) {
  policies_ = {{.name = "slots", .algorithm = Slots(1, seconds(10))}};
  Check("k", Held(kAlice));
  for (int i = 0; i < 5; ++i) {
    SetTime(now_ + seconds(9));
    EXPECT_TRUE(Key("k").Renew(kAlice, now_));
    EXPECT_EQ(Check("k", Held(kBob)).substr(0, 6), "denied");
  }
  SetTime(now_ + seconds(10));
  EXPECT_FALSE(Key("k").Renew(kAlice, now_));
  EXPECT_FALSE(Key("k").Release(kAlice, now_));
  EXPECT_EQ(Check("k", Held(kBob)).substr(0, 8), "admitted");
}

TEST_P(StoreContract, SlotsOfSeveralPoliciesAreReleasedTogether) {
  policies_ = {{.name = "a", .algorithm = Slots(1, seconds(10))},
               {.name = "tokens", .algorithm = Bucket(10, 10, seconds(10))},
               {.name = "b", .algorithm = Slots(1, seconds(20))}};
  Check("k", Held(kAlice, 1, 3));
  SetTime(now_ + seconds(15));
  EXPECT_FALSE(Key("k").Renew(kAlice, now_)) << "a's has expired";
  EXPECT_FALSE(Key("k").Release(kAlice, now_));
  EXPECT_EQ(Check("k", Held(kBob, 1, 3)).find("denied"), std::string::npos) << "b's was released";
  EXPECT_TRUE(Key("k").Release(kBob, now_));
}

TEST_P(StoreContract, ABlockDeniesAndCountsNothing) {
  policies_ = Quotas();
  const std::vector<std::size_t> all = {0, 1, 2, 3};
  Key("k").Block(all, seconds(3), now_);
  Check("k", {1, 1, 1, 1});
  for (const Decision& decision : decisions_) {
    EXPECT_FALSE(decision.allowed);
    EXPECT_EQ(decision.remaining, 0);
    EXPECT_EQ(decision.retry_after, seconds(3));
  }
  EXPECT_EQ(Check("k", {0, 0, 0, 0}).find("denied"), std::string::npos);
  EXPECT_EQ(Check("other", {1, 1, 1, 1}).find("denied"), std::string::npos);
  SetTime(now_ + seconds(3) - Tick());
  EXPECT_EQ(Check("k", {1, 1, 1, 1}).find("admitted"), std::string::npos);
  SetTime(now_ + Tick());
  Check("k", {10, 10, 10, 10});
  for (const Decision& decision : decisions_) EXPECT_TRUE(decision.allowed);
}

TEST_P(StoreContract, ABlockTakesThePlaceOfTheOneThereWas) {
  const std::vector<std::size_t> first = {0};
  Key("k").Block(first, seconds(60), now_);
  Key("k").Block(first, seconds(2), now_);
  Check("k", {1});
  EXPECT_EQ(decisions_[0].retry_after, seconds(2));
  Key("k").Block(first, seconds(60), now_);
  Check("k", {1});
  EXPECT_EQ(decisions_[0].retry_after, seconds(60));
}

TEST_P(StoreContract, OnlyThePoliciesNamedAreBlockedAndUnblocked) {
  policies_ = Quotas();
  Key("k").Block(std::vector<std::size_t>{1, 3}, seconds(60), now_);
  Check("k", {1, 1, 1, 1});
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(decisions_[i].allowed, i % 2 == 0) << i;
    EXPECT_EQ(decisions_[i].blocked, i % 2 != 0) << i;
  }
  Key("k").Unblock(std::vector<std::size_t>{1}, now_);
  Check("k", {1, 1, 1, 1});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(decisions_[i].allowed, i != 3) << i;
  Key("k").Unblock(std::vector<std::size_t>{3}, now_);
  EXPECT_EQ(Check("k", {1, 1, 1, 1}).find("denied"), std::string::npos);
}

TEST_P(StoreContract, ResetForgetsBlocksSlotsAndCounts) {
  policies_ = Quotas();
  policies_.push_back({.name = "slots", .algorithm = Slots(1, seconds(10))});
  for (Policy& policy : policies_) policy.block_for = seconds(60);
  Check("k", Held(kAlice, 10, 5));
  Check("other", Held(kAlice, 10, 5));
  Check("k", Held(kBob, 1, 5));
  EXPECT_EQ(Peek("k", Held(kBob, 1, 5)).find("admitted"), std::string::npos);
  Key("k").Reset(now_);
  EXPECT_EQ(Check("k", Held(kBob, 10, 5)).find("denied"), std::string::npos);
  EXPECT_EQ(Check("other", Held(kBob, 1, 5)).find("admitted"), std::string::npos);
}

}  // namespace
}  // namespace sluice::testing
