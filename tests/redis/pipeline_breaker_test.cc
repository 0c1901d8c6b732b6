// A link whose server does not answer: failures, waits, and recovery.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "redis/server_session_driver.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;
using State = BreakerState;

State StateOf(const ServerSessionDriver& driver) { return driver.session.stats().breaker; }

// Two batches go unanswered.
void OpenBySilence(ServerSessionDriver& driver) {
  driver.GetReady();
  driver.Check("a");
  driver.Check("b");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  ASSERT_EQ(StateOf(driver), State::kOpen);
}

// Time passes until a probe may go.
void WaitForProbe(ServerSessionDriver& driver) {
  for (int i = 0; i < 100 && StateOf(driver) == State::kOpen; ++i) {
    const auto ticket = driver.Check("probe");
    if (StateOf(driver) == State::kHalfOpen) return;
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kUnavailable);
    driver.Pass(10 * kMillisecond);
  }
  EXPECT_EQ(StateOf(driver), State::kHalfOpen);
}

TEST(PipelineBreaker, OneLateBatchIsNotYetAnOutage) {
  ServerSessionDriver driver;
  driver.GetReady();
  driver.Check("a");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(StateOf(driver), State::kClosed);
  const auto next = driver.Check("b");
  EXPECT_FALSE(driver.Answered(next));
}

TEST(PipelineBreaker, ABatchOfSeveralSlotsWhoseCommandsExpireOneByOneIsOneFailure) {
  ServerSession::Options options;
  options.by_slot = true;
  ServerSessionDriver driver(options);
  driver.GetReady();
  std::vector<Request> requests(3);
  for (std::uint16_t i = 0; i < 3; ++i) {
    requests[i].set = std::make_shared<const PolicySet>(
        std::vector{testing::BucketPolicy("b", 10, 1, kSecond)}, "p");
    requests[i].key = EscapedKey("k");
    requests[i].costs = 1;
    // The slots' order is not that of the deadlines.
    requests[i].deadline = driver.now + std::array{80, 60, 100}[i] * kMillisecond;
    requests[i].route.slot = i;
    requests[i].ticket = 100 + i;
    requests[i].sink = UnusedSink();
  }
  driver.session.Submit(requests, driver.now);
  ASSERT_EQ(driver.Sent().size(), 3U);
  for (int i = 0; i < 10; ++i) driver.Pass(10 * kMillisecond);
  EXPECT_EQ(driver.Result(102).fault, Fault::kTimeout);
  EXPECT_EQ(StateOf(driver), State::kClosed);
  driver.Check("next");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(StateOf(driver), State::kOpen);
}

// Nothing but the reconnect lies between the loss and the second batch.
TEST(PipelineBreaker, ABatchSentAgainAfterALossCountsAsAFailureOfItsOwn) {
  ServerSessionDriver driver;
  driver.GetReady();
  driver.Pass(2 * kSecond);
  std::vector<Request> requests(1);
  requests[0].set = std::make_shared<const PolicySet>(
      std::vector{testing::BucketPolicy("b", 10, 1, kSecond)}, "p");
  requests[0].key = EscapedKey("k");
  requests[0].costs = 1;
  requests[0].deadline = driver.now + 100 * kMillisecond;
  requests[0].digests = std::make_shared<IdDigests>(IdDigests{.name = "1d", .print = "ab"});
  requests[0].ticket = 77;
  requests[0].sink = UnusedSink();
  driver.session.Submit(requests, driver.now);
  ASSERT_EQ(driver.Sent().size(), 1U);
  driver.Lose("reset by peer");
  driver.GetReady();
  ASSERT_EQ(driver.Sent().size(), 1U);
  EXPECT_EQ(StateOf(driver), State::kClosed);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(77).fault, Fault::kTimeout);
  EXPECT_EQ(StateOf(driver), State::kOpen);
}

TEST(PipelineBreaker, BatchesThatGoUnansweredEndTheWaitingForAllOthers) {
  ServerSessionDriver driver;
  driver.GetReady();
  driver.Check("a", 100 * kMillisecond);
  driver.Check("b", 100 * kMillisecond);
  const auto queued = driver.Check("c", 10 * kSecond);
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(queued).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.Result(driver.Check("d")).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.session.stats().breaker_openings, 1U);
}

TEST(PipelineBreaker, AnAnswerInTimeBetweenThemMakesThemTwoStories) {
  ServerSessionDriver driver;
  driver.GetReady();
  for (int i = 0; i < 5; ++i) {
    driver.Check("late");
    driver.Sent();
    driver.Pass(100 * kMillisecond);
    driver.AnswerFull(1);
    const auto in_time = driver.Check("a");
    driver.Sent();
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(in_time).fault, Fault::kNone);
    EXPECT_EQ(StateOf(driver), State::kClosed);
  }
}

TEST(PipelineBreaker, OneRequestIsTheProbeAndItsAnswerLetsAllThrough) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  WaitForProbe(driver);
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(driver.Result(driver.Check("c")).fault, Fault::kUnavailable) << "one probe at a time";
  driver.AnswerFull(1);  // to "a", late
  driver.AnswerFull(1);  // to "b", late
  EXPECT_EQ(StateOf(driver), State::kHalfOpen);
  driver.AnswerFull(1);
  EXPECT_EQ(StateOf(driver), State::kClosed);
  const auto next = driver.Check("d");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(next).fault, Fault::kNone);
}

TEST(PipelineBreaker, AProbeThatIsLostOpensAgain) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  WaitForProbe(driver);
  driver.Sent();
  driver.Pass(99 * kMillisecond);
  EXPECT_EQ(StateOf(driver), State::kHalfOpen);
  driver.Pass(1 * kMillisecond);
  EXPECT_EQ(StateOf(driver), State::kOpen);
}

TEST(PipelineBreaker, ALateAnswerShowsThatAProbeMayGo) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  driver.AnswerFull(1);
  EXPECT_EQ(StateOf(driver), State::kOpen);
  const auto probe = driver.Check("c");
  EXPECT_EQ(driver.Sent().size(), 1U);
  driver.AnswerFull(1);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(probe).fault, Fault::kNone);
  EXPECT_EQ(StateOf(driver), State::kClosed);
}

TEST(PipelineBreaker, WhatIsNoCheckWaitsAndIsTheProbeWhenNobodyElseIs) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  const auto first = driver.Submit(Kind::kDebit, "a", 5 * kSecond);
  const auto second = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
  driver.Pass(60 * kMillisecond);
  EXPECT_EQ(StateOf(driver), State::kHalfOpen);
  EXPECT_EQ(driver.Sent().size(), 1U);
  driver.AnswerFull(1);
  driver.AnswerFull(1);
  driver.Receive("*2\r\n:5\r\n:0\r\n");
  EXPECT_EQ(driver.Result(first).fault, Fault::kNone);
  EXPECT_EQ(driver.Sent().size(), 1U);
  driver.Receive("*2\r\n:5\r\n:0\r\n");
  EXPECT_EQ(driver.Result(second).fault, Fault::kNone);
}

TEST(PipelineBreaker, APatientProbeDoesNotKeepTheBreakerHalfOpen) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  driver.Submit(Kind::kDebit, "a", 60 * kSecond);
  driver.Pass(60 * kMillisecond);
  ASSERT_EQ(StateOf(driver), State::kHalfOpen);
  driver.Pass(kSecond);
  EXPECT_NE(StateOf(driver), State::kHalfOpen);
}

TEST(PipelineBreaker, AProbeWhoseScriptIsForgottenIsSentAgain) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  driver.AnswerFull(1);
  const auto probe = driver.Check("c");
  driver.AnswerFull(1);
  driver.Sent();
  driver.Receive("-NOSCRIPT\r\n");
  driver.Receive("$40\r\n" + std::string(kSha) + "\r\n");
  EXPECT_EQ(driver.Sent().size(), 2U);  // SCRIPT LOAD, EVALSHA
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(probe).fault, Fault::kNone);
  EXPECT_EQ(driver.session.stats().retries, 1U);
}

// A process that did not run missed deadlines too; they say nothing about the server.
TEST(PipelineBreaker, AFreezeDoesNotTripTheBreaker) {
  for (const Nanos frozen : {160 * kMillisecond, 30 * kSecond}) {
    ServerSessionDriver driver;
    driver.GetReady();
    driver.Check("a");
    driver.Check("b");
    driver.Check("c");
    driver.Sent();
    driver.PassFrozen(frozen);
    EXPECT_EQ(StateOf(driver), State::kClosed);
    const auto after = driver.Check("d");
    driver.Pass(99 * kMillisecond);  // missed answers are not counted later either
    EXPECT_EQ(StateOf(driver), State::kClosed);
    driver.AnswerFull(1);
    driver.AnswerFull(1);
    driver.Sent();
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(after).fault, Fault::kNone);
    EXPECT_TRUE(driver.session.TakeBreakerChanges().empty());
  }
}

TEST(PipelineBreaker, AProbeThatAFreezeMadeLateIsFollowedByAnotherAtOnce) {
  ServerSessionDriver driver;
  OpenBySilence(driver);
  WaitForProbe(driver);
  driver.Sent();
  driver.PassFrozen(30 * kSecond);
  const auto next = driver.Check("c");
  EXPECT_EQ(driver.Sent().size(), 1U);
  for (int i = 0; i < 4; ++i) driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(next).fault, Fault::kNone);
}

// Each connection works and is lost before it has answered: no check waits for the next but one.
TEST(PipelineBreaker, AConnectionThatIsNotReplacedAtOnceIsNotWaitedFor) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto served = driver.Check("a");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(served).fault, Fault::kNone);
  const auto written = driver.Check("b");
  driver.Sent();
  driver.Lose("reset");
  EXPECT_EQ(driver.Result(written).fault, Fault::kUnavailable);
  driver.GetReady();  // at once
  const auto again = driver.Check("c", 10 * kSecond);
  driver.Sent();
  const auto queued = driver.Check("d", 10 * kSecond);
  driver.Lose("reset");
  ASSERT_EQ(driver.session.WantedConnection(), 0U);
  EXPECT_EQ(driver.Result(again).detail, "reset");
  EXPECT_EQ(driver.Result(queued).detail, "reset");
  EXPECT_EQ(driver.Result(driver.Check("e", 10 * kSecond)).fault, Fault::kUnavailable);
}

TEST(PipelineBreaker, AReconnectThatTakesTooLongIsNotWaitedForByAll) {
  ServerSessionDriver driver;
  driver.GetReady();
  driver.Check("a");
  driver.Sent();
  driver.Lose("reset");
  ASSERT_NE(driver.session.WantedConnection(), 0U);
  const auto first = driver.Check("b", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(first).fault, Fault::kTimeout);
  EXPECT_EQ(driver.Result(driver.Check("c")).fault, Fault::kUnavailable);
}

TEST(PipelineBreaker, TheLatencyIsFromAskingToTheAnswerWhoeverGaveIt) {
  ServerSessionDriver driver;
  driver.GetReady();
  for (int i = 0; i < 99; ++i) {
    driver.Check("a");
    driver.Sent();
    driver.Pass(2 * kMillisecond);
    driver.AnswerFull(1);
  }
  driver.Check("b");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  const LatencyHistogram& latency = driver.session.latency();
  EXPECT_EQ(latency.count(), 100U);
  EXPECT_GE(latency.Quantile(0.99), 2 * kMillisecond);
  EXPECT_LE(latency.Quantile(0.99), 3 * kMillisecond);
  EXPECT_GE(latency.Quantile(1), 100 * kMillisecond);
}

}  // namespace
}  // namespace sluice::redis
