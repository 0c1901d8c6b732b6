// Lost and silent connections, and their requests.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

TEST(ServerSessionLoss, WrittenChecksFailAndUnwrittenOnesAreSentAgain) {
  ReadySession driver;
  const auto written = driver.Check("a", kSecond);
  driver.Sent();
  const auto unwritten = driver.Check("b", kSecond);  // encoded, not handed over
  const auto queued = driver.Check("c", kSecond);
  driver.Lose("reset by peer");
  EXPECT_EQ(driver.Result(written).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.Result(written).detail, "reset by peer");
  EXPECT_FALSE(driver.Answered(unwritten));
  EXPECT_FALSE(driver.Answered(queued));
  driver.GetReady();  // at once: the connection had worked
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(2), "2");
  EXPECT_EQ(sent[0].at(3), "p:{b}:default:tb1");
  EXPECT_EQ(sent[0].at(4), "p:{c}:default:tb1");
  EXPECT_EQ(driver.session.stats().reconnects, 1U);
}

TEST(ServerSessionLoss, ACommandWithoutItsLastByteIsSentAgain) {
  for (const std::size_t kept : {0U, 1U}) {
    ReadySession driver;
    const auto ticket = driver.Check("a", kSecond);
    driver.session.OnWritten(driver.session.Output().size() - kept);
    driver.Lose();
    EXPECT_EQ(driver.Answered(ticket), kept == 0) << kept;
  }
}

TEST(ServerSessionLoss, HalfAReplyIsDropped) {
  ReadySession driver;
  driver.Check("a");
  driver.Sent();
  driver.Receive("*1\r\n:40000");
  driver.Lose();
  driver.GetReady();
  const auto ticket = driver.Check("b");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST(ServerSessionLoss, ChecksThatWaitForTheScriptAreSentAgain) {
  ReadySession driver;
  const auto a = driver.Check("a", kSecond);
  driver.Sent();
  driver.Receive("-NOSCRIPT\r\n");
  driver.Sent();
  driver.Lose();
  driver.GetReady();
  EXPECT_EQ(driver.Sent().at(0).at(3), "p:{a}:default:tb1");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(a).fault, Fault::kNone);
}

TEST(ServerSessionLoss, ALostCheckWithAnIdIsNotSentAgainAfterItsDeadline) {
  ReadySession driver;
  const auto ticket = driver.Submit(driver.MakeSlotCheck("1d"));
  driver.Sent();
  driver.Lose();
  driver.Pass(150 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  driver.GetReady();
  // It may have taken a slot, of which no caller knows.
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0], (SentCommand{"EVALSHA", std::string(kSha), "3", "p:{k}:c:co1", "p:{k}:c:co1:z",
                                  "p:{k}:id1:1d", "1", "1", "release+", "n", "0", "0", "1", "1",
                                  "1000000", kHolderText, "ab"}));
}

// Only the reconnect is between the loss and the second batch.
TEST(ServerSessionLoss, ABatchSentAgainCountsAsAFailureOfItsOwn) {
  ReadySession driver;
  driver.Pass(2 * kSecond);
  Request check = driver.Make(Request::Kind::kCheck, "k", 100 * kMillisecond);
  check.digests = std::make_shared<IdDigests>(IdDigests{.name = "1d", .fingerprint = "ab"});
  const auto ticket = driver.Submit(std::move(check));
  ASSERT_EQ(driver.Sent().size(), 1U);
  driver.Lose("reset by peer");
  driver.GetReady();
  ASSERT_EQ(driver.Sent().size(), 1U);
  EXPECT_EQ(driver.breaker(), BreakerState::kClosed);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  EXPECT_EQ(driver.breaker(), BreakerState::kOpen);
}

// Each connection works and is lost before it answers.
TEST(ServerSessionLoss, ChecksDoNotWaitForAConnectionThatIsReplacedLater) {
  ReadySession driver;
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

TEST(ServerSessionLoss, ChecksDoNotWaitForAReconnectAfterAMissedDeadline) {
  ReadySession driver;
  driver.Check("a");
  driver.Sent();
  driver.Lose("reset");
  ASSERT_NE(driver.session.WantedConnection(), 0U);
  const auto first = driver.Check("b", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(first).fault, Fault::kTimeout);
  EXPECT_EQ(driver.Result(driver.Check("c")).fault, Fault::kUnavailable);
}

TEST(ServerSessionLoss, ASilentConnectionIsDroppedOnceNoRequestWaits) {
  ReadySession driver;
  driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.Pass(999 * kMillisecond);
  EXPECT_EQ(driver.session.WantedConnection(), connection);
  driver.Pass(1 * kMillisecond);
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionLoss, ASilentConnectionIsKeptWhileARequestWaits) {
  ReadySession driver;
  const auto patient = driver.Check("a", 5 * kSecond);
  driver.Check("b", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.Pass(2 * kSecond);
  driver.Check("c", 100 * kMillisecond);  // its deadline calls OnTime
  driver.Pass(2 * kSecond);
  EXPECT_EQ(driver.session.WantedConnection(), connection);
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(patient).fault, Fault::kNone);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.session.WantedConnection(), connection);  // it spoke a moment ago
}

TEST(ServerSessionLoss, ASlowButSteadyConnectionIsKept) {
  ReadySession driver;
  const std::uint64_t connection = driver.session.WantedConnection();
  for (int i = 0; i < 20; ++i) {
    const auto ticket = driver.Check("a", 100 * kMillisecond);
    driver.Sent();
    driver.Pass(500 * kMillisecond);
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  }
  EXPECT_EQ(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionLoss, SilenceStartsAtTheLastBytes) {
  ReadySession driver;
  driver.Check("a", 100 * kMillisecond);
  driver.Check("b", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.Pass(900 * kMillisecond);
  driver.AnswerFull(1);  // to "a" alone
  driver.Pass(999 * kMillisecond);
  EXPECT_EQ(driver.session.WantedConnection(), connection);
  driver.Pass(1 * kMillisecond);
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionLoss, AConnectionWithAnEndlessReplyIsDropped) {
  ReadySession driver;
  driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.Receive("*1\r\n:");
  for (int i = 0; i < 15; ++i) {
    driver.Receive("0");
    driver.Pass(100 * kMillisecond);
  }
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionLoss, AFreezeDoesNotDropTheConnection) {
  ReadySession driver;
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.PassFrozen(10 * kSecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  EXPECT_EQ(driver.session.WantedConnection(), connection);
  driver.AnswerFull(1);
  EXPECT_TRUE(driver.session.stats().connected);
}

TEST(ServerSessionLoss, AfterAFreezeAvailableRepliesStillCount) {
  ReadySession driver;
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  driver.now += 10 * kSecond;
  driver.AnswerFull(1);  // the I/O thread reads before it looks at the time
  driver.PassFrozen(Nanos{0});
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

}  // namespace
}  // namespace sluice::redis
