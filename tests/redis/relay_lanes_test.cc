// Requests through a client of a cluster: each slot by itself.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "redis/relay.h"
#include "redis/relay_driver.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

using Command = Relay::Command;
using Kind = Request::Kind;
using State = BreakerState;

constexpr Nanos kMillisecond = std::chrono::milliseconds(1);
constexpr Nanos kSecond = std::chrono::seconds(1);

struct Lanes : RelayDriver {
  Lanes() : RelayDriver(OfACluster()) {}
  static Relay::Options OfACluster() {
    Relay::Options options;
    options.cluster = true;
    return options;
  }
  State StateNow() const { return relay.stats().breaker; }
};

TEST(RelayLanes, OnlyWhatSharesASlotTravelsTogether) {
  Lanes driver;
  for (int round = 0; round < 3; ++round) {
    for (const char* key : {"a", "b", "c"}) driver.Check(key);
  }
  // Two rounds are under way at once, a lane each; the third gathers.
  std::map<std::string, std::vector<Command>> by_key;
  for (Command& command : driver.Sent()) {
    const std::string key = command.pieces.at(command.first_key);
    by_key[key].push_back(std::move(command));
  }
  ASSERT_EQ(by_key.size(), 3U);
  for (auto& [key, commands] : by_key) {
    EXPECT_EQ(commands.size(), 2U) << key;
    driver.AnswerFull(commands[0]);
    driver.AnswerFull(commands[1]);
  }
  std::set<std::string> third;
  for (const Command& command : driver.Sent()) {
    EXPECT_EQ(command.pieces.at(1), "1");
    third.insert(command.pieces.at(2));
  }
  EXPECT_EQ(third.size(), 3U);
}

TEST(RelayLanes, ASlotWhoseNodeIsSilentHoldsUpNoOther) {
  Lanes driver;
  driver.Check("hung");
  driver.Check("hung");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.StateNow(), State::kOpen);
  EXPECT_EQ(driver.Told(driver.Check("hung")).fault, Fault::kUnavailable);
  const auto other = driver.Check("other");
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.Told(other).fault, Fault::kNone);
  EXPECT_EQ(driver.StateNow(), State::kOpen) << "the worst";
  driver.Pass(kSecond);
  driver.Check("hung");
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.StateNow(), State::kClosed);
  EXPECT_EQ(driver.relay.TakeBreakerChanges(),
            (std::vector{State::kOpen, State::kHalfOpen, State::kClosed}));
}

TEST(RelayLanes, KeysInDifferentSlotsAreAMistakeOfWhoAsks) {
  Lanes driver;
  auto details = std::make_shared<Details>();
  details->keys = {EscapedKey("a"), EscapedKey("b")};
  const auto set =
      std::make_shared<const PolicySet>(std::vector{testing::BucketPolicy("x", 10, 1, kSecond),
                                                    testing::BucketPolicy("y", 10, 1, kSecond)},
                                        "p");
  const auto ticket = driver.Submit(Kind::kCheck, "", 100 * kMillisecond, set, details);
  EXPECT_EQ(driver.Told(ticket).fault, Fault::kCrossSlot);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(RelayLanes, WhatANodeRefusesWhileTheSlotMovesIsAskedAgainAlone) {
  for (const char* error : {"TRYAGAIN Multiple keys request during rehashing of slot",
                            "MOVED 7 127.0.0.1:7000", "ASK 7 127.0.0.1:7000"}) {
    Lanes driver;
    driver.Check("k");
    driver.Check("k");
    const auto first = driver.Sent();
    std::vector<std::uint64_t> tickets;
    for (int i = 0; i < 3; ++i) tickets.push_back(driver.Check("k", 50 * kMillisecond));
    driver.AnswerFull(first.at(0));
    driver.AnswerFull(first.at(1));
    const Command together = driver.SentOne();
    ASSERT_EQ(together.pieces.at(1), "3");
    driver.Fail(together, error);
    EXPECT_TRUE(driver.Sent().empty()) << "not at once";
    driver.Pass(10 * kMillisecond);
    std::size_t answered = 0;
    for (int i = 0; i < 3; ++i) {
      for (const Command& command : driver.Sent()) {
        EXPECT_EQ(command.pieces.at(1), "1");
        driver.AnswerFull(command);
        ++answered;
      }
    }
    EXPECT_EQ(answered, 3U);
    for (const auto ticket : tickets) EXPECT_EQ(driver.Told(ticket).fault, Fault::kNone);
    EXPECT_EQ(driver.StateNow(), State::kClosed);
  }
}

TEST(RelayLanes, ASlotThatMovesForTooLongIsAskedUntilTheDeadline) {
  Lanes driver;
  const auto ticket = driver.Check("k", 100 * kMillisecond);
  std::size_t tries = 0;
  while (!driver.Answered(ticket)) {
    for (const Command& command : driver.Sent()) {
      driver.Fail(command, "TRYAGAIN");
      ++tries;
    }
    driver.Pass(kMillisecond);
  }
  EXPECT_EQ(driver.Told(ticket).fault, Fault::kTimeout);
  EXPECT_GE(tries, 8U);
  EXPECT_LE(tries, 11U);
}

TEST(RelayLanes, AClientOfOneServerCannotFollowARedirection) {
  RelayDriver driver;
  const auto ticket = driver.Check("k");
  driver.Fail(driver.SentOne(), "MOVED 7 127.0.0.1:7000");
  EXPECT_EQ(driver.Told(ticket).fault, Fault::kServer);
  EXPECT_EQ(driver.Told(ticket).detail, "MOVED 7 127.0.0.1:7000");
}

}  // namespace
}  // namespace sluice::redis
