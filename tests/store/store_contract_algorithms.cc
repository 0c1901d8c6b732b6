// The contract for windows, logs and slots, and for the options of any policy. tests/vectors has
// the numbers of each algorithm; these tests are about several states.
#include <chrono>

#include "store/store_contract.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr auto kClock = FixedWindow::Align::kClock;
constexpr auto kFirst = FixedWindow::Align::kFirstRequest;

// One policy of each algorithm, each admitting 5 within 10 s.
std::vector<Policy> OfEachAlgorithm() {
  return {{.name = "tokens", .algorithm = Bucket(5, 5, seconds(10))},
          {.name = "cells", .algorithm = CellRate(5, 5, seconds(10))},
          {.name = "leaky", .algorithm = Leaky(5, 5, seconds(10), LeakyBucket::Mode::kPolice)},
          {.name = "fixed", .algorithm = Fixed(5, seconds(10), kFirst)},
          {.name = "clock", .algorithm = Fixed(5, seconds(10), kClock)},
          {.name = "sliding", .algorithm = Sliding(5, seconds(10))},
          {.name = "log", .algorithm = Log(5, seconds(10))},
          {.name = "slots", .algorithm = Slots(5, seconds(10))}};
}

Subject::Question Cost(std::int64_t cost, std::size_t policies, std::uint64_t holder = 0) {
  return {.asks = std::vector<Ask>(policies, {.cost = cost}), .holder = {.high = 1, .low = holder}};
}

TEST_P(StoreContract, EveryAlgorithmAdmitsItsLimitAndThenDenies) {
  for (const Policy& policy : OfEachAlgorithm()) {
    policies_ = {policy};
    for (std::uint64_t i = 0; i < 5; ++i) {
      EXPECT_EQ(Check("k", Cost(1, 1, i)).substr(0, 8), "admitted") << policy.name << i;
    }
    EXPECT_EQ(Check("k", Cost(1, 1, 5)).substr(0, 17), "denied, 0 of 5 le") << policy.name;
    EXPECT_EQ(Check("other", Cost(1, 1, 6)).substr(0, 18), "admitted, 4 of 5 l") << policy.name;
  }
}

TEST_P(StoreContract, EveryAlgorithmTellsBeforehandWhatItWillAnswer) {
  for (const Policy& policy : OfEachAlgorithm()) {
    policies_ = {policy};
    for (std::uint64_t i = 0; i < 7; ++i) {
      SCOPED_TRACE(policy.name + " " + std::to_string(i));
      ForetellsCheck("k", Cost(1, 1, i));
    }
  }
}

TEST_P(StoreContract, EveryRetryAfterIsTightToAStepOfTheClock) {
  for (const Policy& policy : OfEachAlgorithm()) {
    policies_ = {policy};
    const Nanos start = now_;
    for (std::uint64_t i = 0; i < 5; ++i) Check("k", Cost(1, 1, i));
    Check("k", Cost(1, 1, 5));
    ASSERT_FALSE(decisions_[0].allowed) << policy.name;
    const Nanos retry = decisions_[0].retry_after;
    // Windows, logs and slots count in us.
    const Nanos tick = IsTat(policy.algorithm) ? Tick() : Nanos{std::chrono::microseconds(1)};
    SetTime(start + retry - tick);
    EXPECT_EQ(Check("k", Cost(1, 1, 6)).substr(0, 6), "denied") << policy.name;
    SetTime(start + retry);
    EXPECT_EQ(Check("k", Cost(1, 1, 7)).substr(0, 8), "admitted") << policy.name;
    SetTime(start);
  }
}

TEST_P(StoreContract, AllAlgorithmsInOneCheckChargeAllOrNone) {
  policies_ = OfEachAlgorithm();
  const std::size_t count = policies_.size();
  EXPECT_EQ(Check("k", Cost(1, count, 1)).find("denied"), std::string::npos);
  for (std::size_t denies = 0; denies < count; ++denies) {
    // Only this policy is used up; each has its own key.
    const std::string key = "k" + std::to_string(denies);
    const std::vector<Policy> all = policies_;
    policies_ = {all[denies]};
    for (std::uint64_t i = 0; i < 5; ++i) Check(key, Cost(1, 1, i));
    policies_ = all;
    const std::string before = Peek(key, Cost(0, count));
    for (int i = 0; i < 3; ++i) Check(key, Cost(1, count, 9));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(decisions_[i].allowed, i != denies) << i;
    EXPECT_EQ(Peek(key, Cost(0, count)), before) << all[denies].name;
  }
}

TEST_P(StoreContract, ACostThatCanNeverBeAdmittedChangesNothingWhateverTheOptions) {
  policies_ = OfEachAlgorithm();
  policies_.pop_back();  // a slot counts as one at any cost
  for (Policy& policy : policies_) {
    policy.charge_denied = true;
    policy.block_for = seconds(5);
  }
  EXPECT_EQ(Check("k", Cost(6, policies_.size())).find("admitted"), std::string::npos);
  for (const Decision& decision : decisions_) {
    EXPECT_EQ(decision.retry_after, kNever);
    EXPECT_FALSE(decision.blocked);
  }
  EXPECT_EQ(Check("k", Cost(5, policies_.size())).find("denied"), std::string::npos);
}

TEST_P(StoreContract, ChargeDeniedChargesWhoeverDenied) {
  policies_ = OfEachAlgorithm();
  const std::size_t count = policies_.size();
  for (Policy& policy : policies_) policy.charge_denied = true;
  policies_.push_back({.name = "one", .algorithm = Fixed(1, seconds(10), kFirst)});
  EXPECT_EQ(Check("k", Cost(1, count + 1, 1)).find("denied"), std::string::npos);
  Check("k", Cost(1, count + 1, 2));
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(decisions_[i].allowed) << policies_[i].name;
    EXPECT_EQ(decisions_[i].remaining, 3) << policies_[i].name;
  }
  EXPECT_FALSE(decisions_[count].allowed);
}

TEST_P(StoreContract, AShadowOfAnyAlgorithmReportsAndLetsPass) {
  for (const Policy& policy : OfEachAlgorithm()) {
    policies_ = {policy};
    policies_[0].enforce = false;
    for (std::uint64_t i = 0; i < 5; ++i) Check("k", Cost(1, 1, i));
    decisions_.assign(1, {});
    EXPECT_TRUE(Key("k").Check(Cost(1, 1, 5), now_, decisions_)) << policy.name;
    EXPECT_FALSE(decisions_[0].allowed) << policy.name;
    EXPECT_FALSE(decisions_[0].enforced) << policy.name;
    EXPECT_GT(decisions_[0].retry_after, Nanos{0}) << policy.name;
  }
}

TEST_P(StoreContract, TheFirstDenialBlocksAndALaterOneDoesNotExtendIt) {
  for (const Policy& policy : OfEachAlgorithm()) {
    const Nanos start = now_;
    policies_ = {policy};
    policies_[0].block_for = seconds(60);
    for (std::uint64_t i = 0; i < 5; ++i) Check("k", Cost(1, 1, i));
    Check("k", Cost(1, 1, 5));
    EXPECT_EQ(decisions_[0].retry_after, seconds(60)) << policy.name;
    EXPECT_TRUE(decisions_[0].blocked) << policy.name;
    SetTime(start + seconds(30));
    EXPECT_EQ(Check("k", Cost(0, 1)).substr(0, 18), "admitted, 0 of 5 l") << policy.name;
    Check("k", Cost(1, 1, 6));
    EXPECT_FALSE(decisions_[0].allowed) << policy.name;
    EXPECT_EQ(decisions_[0].retry_after, seconds(30)) << policy.name;
    EXPECT_TRUE(decisions_[0].blocked) << policy.name;
    SetTime(start + seconds(60));
    EXPECT_EQ(Check("k", Cost(1, 1, 7)).substr(0, 18), "admitted, 4 of 5 l") << policy.name;
    SetTime(start);
  }
}

TEST_P(StoreContract, AnotherLimitForOneCallKeepsTheState) {
  for (const Policy& policy : OfEachAlgorithm()) {
    policies_ = {policy};
    Subject::Question question = Cost(1, 1, 1);
    for (std::uint64_t i = 0; i < 5; ++i) Check("k", Cost(1, 1, i + 2));
    EXPECT_EQ(Check("k", Cost(1, 1, 7)).substr(0, 6), "denied") << policy.name;
    question.asks[0].limit = 8;
    EXPECT_EQ(Check("k", question).substr(0, 18), "admitted, 2 of 8 l") << policy.name;
    question.asks[0].limit = 3;
    EXPECT_EQ(Check("k", question).substr(0, 16), "denied, 0 of 3 l") << policy.name;
    EXPECT_EQ(Peek("k", Cost(1, 1)).substr(0, 16), "denied, 0 of 5 l") << policy.name;
  }
}

TEST_P(StoreContract, WindowsAndAlignmentsUnderOneNameHaveStatesOfTheirOwn) {
  const std::vector<Algorithm> algorithms = {
      Fixed(5, seconds(10), kFirst), Fixed(5, seconds(10), kClock),
      Fixed(5, seconds(20), kFirst), Fixed(5, days(31), FixedWindow::Align::kMonth),
      Sliding(5, seconds(10)),       Sliding(5, seconds(20)),
      Log(5, seconds(10)),           Log(5, seconds(20)),
      Slots(5, seconds(10)),         Bucket(5, 5, seconds(10))};
  for (const Algorithm& algorithm : algorithms) {
    policies_ = {{.name = "p", .algorithm = algorithm}};
    EXPECT_EQ(Check("k", Cost(1, 1, 1)).substr(0, 18), "admitted, 4 of 5 l") << StateTag(algorithm);
  }
  // A slot stores its own end: another ttl keeps the state.
  policies_ = {{.name = "p", .algorithm = Slots(5, seconds(20))}};
  EXPECT_EQ(Check("k", Cost(1, 1, 2)).substr(0, 18), "admitted, 3 of 5 l");
}

TEST_P(StoreContract, ManyStatesOfOneKeyComeAndGoApart) {
  for (int round = 0; round < 20; ++round) {
    for (const Policy& policy : OfEachAlgorithm()) {
      policies_ = {policy};
      const auto holder = static_cast<std::uint64_t>(round);
      EXPECT_EQ(Check("k", Cost(1, 1, holder)).substr(0, 18), "admitted, 4 of 5 l")
          << policy.name << round;
    }
    SetTime(now_ + seconds(20));
  }
}

}  // namespace
}  // namespace sluice::testing
