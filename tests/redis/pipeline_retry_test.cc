// What a link does for requests that are no checks: it waits for the server with them, repeats what
// can be repeated, and gives back slots that nobody has use for.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

bool Repeatable(Kind kind) {
  return kind == Kind::kReset || kind == Kind::kRelease || kind == Kind::kRenew ||
         kind == Kind::kBlock || kind == Kind::kUnblock;
}

constexpr std::array kOthers = {Kind::kReset,   Kind::kDebit, Kind::kCredit, Kind::kAbort,
                                Kind::kRelease, Kind::kRenew, Kind::kBlock,  Kind::kUnblock};

TEST(PipelineRetry, WhatCanBeRepeatedIsSentAgainWhenItsAnswerIsLost) {
  for (const Kind kind : kOthers) {
    ServerSessionDriver driver;
    driver.GetReady();
    const auto ticket = driver.Submit(kind, "a", 5 * kSecond);
    const auto sent = driver.Sent();
    ASSERT_EQ(sent.size(), 1U);
    driver.Lose("reset by peer");
    EXPECT_EQ(driver.Answered(ticket), !Repeatable(kind)) << static_cast<int>(kind);
    if (!Repeatable(kind)) continue;
    driver.GetReady();
    EXPECT_EQ(driver.Sent(), sent) << static_cast<int>(kind);
    driver.Receive(kind == Kind::kReset ? ":1\r\n" : "*2\r\n:5\r\n:0\r\n");
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone) << static_cast<int>(kind);
    EXPECT_EQ(driver.session.stats().submitted, driver.session.stats().completed);
  }
}

TEST(PipelineRetry, WhatIsNoCheckWaitsForAServerThatIsAwayUntilItsDeadline) {
  for (const Kind kind : kOthers) {
    ServerSessionDriver driver;
    const auto before = driver.Submit(kind, "a", 5 * kSecond);
    driver.Lose("connection refused");
    const auto after = driver.Submit(kind, "b", 5 * kSecond);
    const auto hasty = driver.Submit(kind, "c", kSecond / 100);
    EXPECT_FALSE(driver.Answered(before));
    EXPECT_FALSE(driver.Answered(after));
    driver.Pass(kSecond);
    EXPECT_EQ(driver.Result(hasty).fault, Fault::kUnavailable);
    EXPECT_EQ(driver.Result(hasty).detail, "connection refused");
    driver.GetReady();
    // One goes ahead and sees how the server is.
    for (const auto next : {before, after}) {
      EXPECT_FALSE(driver.Answered(next));
      ASSERT_EQ(driver.Sent().size(), 1U);
      driver.Receive(kind == Kind::kReset ? ":1\r\n" : "*2\r\n:5\r\n:0\r\n");
    }
    EXPECT_EQ(driver.Result(before).fault, Fault::kNone);
    EXPECT_EQ(driver.Result(after).fault, Fault::kNone);
  }
}

constexpr HolderId kHolder{.high = 0, .low = 0xab};
const std::string kHolderText = std::string(30, '0') + "ab";

std::shared_ptr<const IdDigests> ById(std::string name) {
  return std::make_shared<IdDigests>(IdDigests{.name = std::move(name), .print = "ab"});
}

// A check under a limit of one call at a time, by kHolder.
std::vector<Request> CheckForASlot(ServerSessionDriver& driver, std::uint64_t ticket) {
  PolicyFault fault;
  std::vector<Request> requests(1);
  Request& request = requests[0];
  request.set = std::make_shared<const PolicySet>(
      std::vector{Policy{.name = "c", .algorithm = *Concurrency::Make(1, kSecond, fault)}}, "p");
  request.key = EscapedKey("k");
  request.costs = 1;
  request.options = std::make_shared<Operation::Options>(Operation::Options{.holder = kHolder});
  request.deadline = driver.now + 100 * kMillisecond;
  request.ticket = ticket;
  request.sink = UnusedSink();
  return requests;
}

TEST(PipelineRetry, ASlotWhoseCheckIsAnsweredTooLateGoesBack) {
  ServerSessionDriver driver;
  driver.GetReady();
  auto check = CheckForASlot(driver, 77);
  driver.session.Submit(check, driver.now);
  driver.Sent();
  driver.Pass(150 * kMillisecond);
  EXPECT_EQ(driver.Result(77).fault, Fault::kTimeout);
  driver.Receive("*4\r\n:5\r\n:0\r\n:0\r\n:0\r\n");
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0],
            (SentCommand{"EVALSHA", std::string(kSha), "2", "p:{k}:c:co1", "p:{k}:c:co1:z", "1",
                         "1", "release", "n", "0", "0", "1", "1", "1000000", kHolderText}));
  driver.Receive("*2\r\n:6\r\n:1\r\n");
  EXPECT_EQ(driver.session.stats().submitted, driver.session.stats().completed);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(PipelineRetry, ASlotWhoseCheckFailedLateIsNotThere) {
  ServerSessionDriver driver;
  driver.GetReady();
  auto check = CheckForASlot(driver, 77);
  driver.session.Submit(check, driver.now);
  driver.Sent();
  driver.Pass(150 * kMillisecond);
  driver.Receive("*3\r\n:5\r\n:-2\r\n$3\r\nOOM\r\n");
  EXPECT_TRUE(driver.Sent().empty());
  EXPECT_TRUE(driver.session.stats().connected);
}

TEST(PipelineRetry, ASlotWhoseAnswerIsLostGoesBackOverTheNextConnection) {
  ServerSessionDriver driver;
  driver.GetReady();
  auto check = CheckForASlot(driver, 77);
  driver.session.Submit(check, driver.now);
  driver.Sent();
  driver.Lose();
  EXPECT_EQ(driver.Result(77).fault, Fault::kUnavailable);
  driver.GetReady();
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(7), "release");
}

TEST(PipelineRetry, ASlotWhoseCheckIsAnsweredInTimeStays) {
  ServerSessionDriver driver;
  driver.GetReady();
  auto check = CheckForASlot(driver, 77);
  driver.session.Submit(check, driver.now);
  driver.Sent();
  driver.Receive("*4\r\n:5\r\n:0\r\n:0\r\n:0\r\n");
  EXPECT_EQ(driver.Result(77).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(77).readings[0].numbers[0], 0);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(PipelineRetry, WhatCarriesAnIdIsSentAgainWhenItsAnswerIsLost) {
  for (const Kind kind : {Kind::kCheck, Kind::kDebit, Kind::kCredit}) {
    ServerSessionDriver driver;
    driver.GetReady();
    auto requests = CheckForASlot(driver, 77);
    requests[0].digests = ById("1d");
    requests[0].kind = kind;
    driver.session.Submit(requests, driver.now);
    const auto sent = driver.Sent();
    ASSERT_EQ(sent.size(), 1U);
    // In the middle of its answer.
    driver.Receive(kind == Kind::kCheck ? "*4\r\n:5\r\n:" : "*2\r\n:5\r\n:");
    driver.Lose("reset by peer");
    EXPECT_FALSE(driver.Answered(77)) << static_cast<int>(kind);
    driver.GetReady();
    auto again = driver.Sent();
    ASSERT_EQ(again.size(), 1U);
    if (kind == Kind::kCheck) {
      // Behind the release of what it may have taken, with its own keys and arguments.
      EXPECT_EQ(again[0].at(11), "release+");
      EXPECT_NE(std::search(again[0].begin(), again[0].end(), sent[0].begin() + 6, sent[0].end()),
                again[0].end());
      driver.Receive("*5\r\n:5\r\n:1\r\n:0\r\n:0\r\n:0\r\n");
    } else {
      EXPECT_EQ(again, sent);
      driver.Receive("*2\r\n:5\r\n:0\r\n");
    }
    EXPECT_EQ(driver.Result(77).fault, Fault::kNone) << static_cast<int>(kind);
    EXPECT_EQ(driver.session.stats().submitted, driver.session.stats().completed);
  }
}

TEST(PipelineRetry, WhatCarriesAnIdIsSentAgainUntilItsDeadlineOnly) {
  ServerSessionDriver driver;
  driver.GetReady();
  auto requests = CheckForASlot(driver, 77);
  requests[0].digests = ById("1d");
  driver.session.Submit(requests, driver.now);
  driver.Sent();
  driver.Lose();
  driver.Pass(150 * kMillisecond);
  EXPECT_EQ(driver.Result(77).fault, Fault::kTimeout);
  driver.GetReady();
  // It may have taken a slot, which nobody was told of.
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0], (SentCommand{"EVALSHA", std::string(kSha), "3", "p:{k}:c:co1", "p:{k}:c:co1:z",
                                  "p:{k}:id1:1d", "1", "1", "release+", "n", "0", "0", "1", "1",
                                  "1000000", kHolderText, "ab"}));
}

TEST(PipelineRetry, ASlotTakenUnderAnIdGoesBackToo) {
  ServerSessionDriver driver;
  driver.GetReady();
  auto requests = CheckForASlot(driver, 77);
  requests[0].digests = ById("1d");
  driver.session.Submit(requests, driver.now);
  driver.Sent();
  driver.Pass(150 * kMillisecond);
  driver.Receive("*4\r\n:5\r\n:0\r\n:0\r\n:0\r\n");
  // Unless a repeat was told of it, which only the script knows.
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(8), "release+");
}

}  // namespace
}  // namespace sluice::redis
