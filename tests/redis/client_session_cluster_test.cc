// Requests through a cluster's client: batches by slot, breakers by node.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "redis/client_session.h"
#include "redis/client_session_driver.h"
#include "redis/slot.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

using Command = ClientSession::Command;
using Kind = Request::Kind;
using State = BreakerState;

// The nodes of some slots; all others belong to node 1.
using Owners = std::map<std::uint16_t, std::uint32_t>;

struct Lanes : ClientSessionDriver {
  Lanes() : Lanes(std::make_shared<Owners>()) {}
  explicit Lanes(const std::shared_ptr<Owners>& owners)
      : ClientSessionDriver(OfACluster(owners)), owners_(owners) {}
  static ClientSession::Options OfACluster(const std::shared_ptr<Owners>& owners) {
    ClientSession::Options options;
    options.cluster = true;
    options.node_of = [owners](std::uint16_t slot) {
      const auto at = owners->find(slot);
      return at == owners->end() ? 1 : at->second;
    };
    return options;
  }
  /// Checks all keys at once; the timeouts take turns.
  void CheckAll(const std::vector<std::string>& keys, const std::vector<Nanos>& timeouts) {
    std::vector<Request> requests;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      requests.push_back(Make(Kind::kCheck, keys[i], timeouts[i % timeouts.size()]));
    }
    SubmitAll(requests);
  }
  void Give(std::string_view key, std::uint32_t node) { (*owners_)[SlotOfTag(key)] = node; }
  State StateNow() const { return session.stats().breaker; }
  // Leaves two batches unanswered.
  void Hang(std::string_view key) {
    for (int i = 0; i < 2; ++i) Check(key);
    Sent();
    Pass(100 * kMillisecond);
  }

 private:
  const std::shared_ptr<Owners> owners_;
};

TEST(ClientSessionCluster, ABatchHasRequestsOfOneSlot) {
  Lanes driver;
  for (int round = 0; round < 3; ++round) {
    for (const char* key : {"a", "b", "c"}) driver.Check(key);
  }
  // Each key has a lane. Two rounds are in flight at once; the third waits.
  std::map<std::string, std::vector<Command>> by_key;
  for (Command& command : driver.Commands()) {
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
  for (const Command& command : driver.Commands()) {
    EXPECT_EQ(command.pieces.at(1), "1");
    third.insert(command.pieces.at(2));
  }
  EXPECT_EQ(third.size(), 3U);
}

TEST(ClientSessionCluster, ASilentNodeDoesNotDelayOthers) {
  Lanes driver;
  driver.Give("other", 2);
  driver.Hang("hung");
  EXPECT_EQ(driver.StateNow(), State::kOpen);
  EXPECT_EQ(driver.Result(driver.Check("hung")).fault, Fault::kUnavailable);
  const auto other = driver.Check("other");
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.Result(other).fault, Fault::kNone);
  EXPECT_EQ(driver.StateNow(), State::kOpen) << "the worst";
  driver.Pass(kSecond);
  driver.Check("hung");
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.StateNow(), State::kClosed);
  EXPECT_EQ(driver.session.TakeBreakerChanges(),
            (std::vector{State::kOpen, State::kHalfOpen, State::kClosed}));
}

TEST(ClientSessionCluster, ASilentNodeIsDetectedOnceForAllItsSlots) {
  Lanes driver;
  driver.Check("a");
  driver.Check("b");
  driver.Commands();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.StateNow(), State::kOpen);
  for (const char* key : {"a", "b", "never asked before"}) {
    EXPECT_EQ(driver.Result(driver.Check(key)).fault, Fault::kUnavailable) << key;
  }
  EXPECT_TRUE(driver.Commands().empty());
  EXPECT_EQ(driver.session.stats().breaker_openings, 1U);
  // A waiting request is the probe, and one probe is enough for all slots.
  const auto first = driver.Submit(Kind::kDebit, "a", 5 * kSecond);
  const auto second = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
  driver.Pass(kSecond);
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.StateNow(), State::kClosed);
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.Result(first).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(second).fault, Fault::kNone);
}

// Otherwise one stall would count once for each slot.
TEST(ClientSessionCluster, CommandsSentTogetherAreOneBatchOfTheNode) {
  Lanes driver;
  driver.CheckAll({"a", "b", "c", "d"}, {50 * kMillisecond, 60 * kMillisecond});
  EXPECT_EQ(driver.Commands().size(), 4U);
  driver.Pass(70 * kMillisecond);
  EXPECT_EQ(driver.StateNow(), State::kClosed);
  driver.Check("a");
  driver.Commands();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.StateNow(), State::kOpen);
}

TEST(ClientSessionCluster, CommandsLostTogetherAreOneFailureOfTheNode) {
  Lanes driver;
  driver.CheckAll({"a", "b", "c", "d"}, {kSecond});
  for (const Command& command : driver.Commands()) driver.Lose(command);
  EXPECT_EQ(driver.StateNow(), State::kClosed);
  driver.Check("a");
  driver.Lose(driver.SentOne());
  EXPECT_EQ(driver.StateNow(), State::kOpen);
}

TEST(ClientSessionCluster, AMovedSlotIsUsedThoughItsFormerNodeIsSilent) {
  Lanes driver;
  driver.Hang("k");
  EXPECT_EQ(driver.Result(driver.Check("k")).fault, Fault::kUnavailable);
  const auto waits = driver.Submit(Kind::kDebit, "k", 5 * kSecond);
  EXPECT_TRUE(driver.Commands().empty());
  driver.Give("k", 2);
  const auto check = driver.Check("k");
  const Command together = driver.SentOne();
  driver.AnswerFull(together, 2);
  EXPECT_EQ(driver.Result(check).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(waits).fault, Fault::kNone);
  EXPECT_EQ(driver.StateNow(), State::kOpen) << "of the former";
}

// It may have left the cluster, so no reply would ever close its breaker.
TEST(ClientSessionCluster, AnUnusedNodeIsForgotten) {
  Lanes driver;
  driver.Hang("gone");
  driver.Give("gone", 2);
  for (int i = 0; i < 130; ++i) {
    driver.Check("gone");
    driver.AnswerFull(driver.SentOne());
    driver.Pass(500 * kMillisecond);
  }
  EXPECT_EQ(driver.StateNow(), State::kClosed);
  EXPECT_EQ(driver.session.TakeBreakerChanges(), (std::vector{State::kOpen, State::kClosed}));
}

TEST(ClientSessionCluster, WithoutNodesEachSlotHasABreaker) {
  ClientSessionDriver driver({.cluster = true});
  for (const char* key : {"a", "b"}) driver.Check(key);
  driver.Commands();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.session.stats().breaker, State::kClosed);
  driver.Check("a");
  driver.Commands();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(driver.Check("a")).fault, Fault::kUnavailable);
  driver.Check("b");
  EXPECT_EQ(driver.Commands().size(), 1U);
}

TEST(ClientSessionCluster, KeysInDifferentSlotsAreACrossSlotFault) {
  Lanes driver;
  Request check = driver.Make(Kind::kCheck, "", 100 * kMillisecond);
  check.keys = std::make_shared<KeyList>(KeyList{.each = {EscapedKey("a"), EscapedKey("b")}});
  check.set =
      std::make_shared<const PolicySet>(std::vector{testing::BucketPolicy("x", 10, 1, kSecond),
                                                    testing::BucketPolicy("y", 10, 1, kSecond)},
                                        "p");
  const auto ticket = driver.Submit(std::move(check));
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kCrossSlot);
  EXPECT_TRUE(driver.Commands().empty());
}

TEST(ClientSessionCluster, RequestsRefusedWhileASlotMovesAreRetriedOneByOne) {
  for (const char* error : {"TRYAGAIN Multiple keys request during rehashing of slot",
                            "MOVED 7 127.0.0.1:7000", "ASK 7 127.0.0.1:7000"}) {
    Lanes driver;
    driver.Check("k");
    driver.Check("k");
    const auto first = driver.Commands();
    std::vector<std::uint64_t> tickets;
    for (int i = 0; i < 3; ++i) tickets.push_back(driver.Check("k", 50 * kMillisecond));
    driver.AnswerFull(first.at(0));
    driver.AnswerFull(first.at(1));
    const Command together = driver.SentOne();
    ASSERT_EQ(together.pieces.at(1), "3");
    driver.Fail(together, error);
    EXPECT_TRUE(driver.Commands().empty()) << "not at once";
    driver.Pass(10 * kMillisecond);
    std::size_t answered = 0;
    for (int i = 0; i < 3; ++i) {
      for (const Command& command : driver.Commands()) {
        EXPECT_EQ(command.pieces.at(1), "1");
        driver.AnswerFull(command);
        ++answered;
      }
    }
    EXPECT_EQ(answered, 3U);
    for (const auto ticket : tickets) EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
    EXPECT_EQ(driver.StateNow(), State::kClosed);
  }
}

TEST(ClientSessionCluster, SlotsThatMoveForTooLongAreNotAFailureOfTheNode) {
  Lanes driver;
  for (int i = 0; i < 5; ++i) {
    const auto ticket = driver.Check("k" + std::to_string(i));
    while (!driver.Answered(ticket)) {
      for (const Command& command : driver.Commands()) driver.Fail(command, "TRYAGAIN");
      driver.Pass(kMillisecond);
    }
  }
  EXPECT_EQ(driver.StateNow(), State::kClosed);
}

TEST(ClientSessionCluster, RequestsForAMovingSlotAreRetriedUntilTheirDeadline) {
  Lanes driver;
  const auto ticket = driver.Check("k", 100 * kMillisecond);
  std::size_t tries = 0;
  while (!driver.Answered(ticket)) {
    for (const Command& command : driver.Commands()) {
      driver.Fail(command, "TRYAGAIN");
      ++tries;
    }
    driver.Pass(kMillisecond);
  }
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  EXPECT_GE(tries, 8U);
  EXPECT_LE(tries, 11U);
}

TEST(ClientSessionCluster, AClientOfOneServerCannotFollowARedirection) {
  ClientSessionDriver driver;
  const auto ticket = driver.Check("k");
  driver.Fail(driver.SentOne(), "MOVED 7 127.0.0.1:7000");
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kServer);
  EXPECT_EQ(driver.Result(ticket).detail, "MOVED 7 127.0.0.1:7000");
}

}  // namespace
}  // namespace sluice::redis
