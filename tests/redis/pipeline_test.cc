// What a connected link sends when, and what it makes of the answers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redis/backlog.h"
#include "redis/server_session.h"
#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

TEST(ServerSession, AnIdleLinkSendsAtOnce) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0][0], "EVALSHA");
  EXPECT_EQ(sent[0][1], kSha);
  EXPECT_EQ(sent[0][3], "p:{a}:default:tb1");
  EXPECT_FALSE(driver.Answered(ticket));
  driver.Receive("*2\r\n:1795219200000000\r\n:4000000000\r\n");
  const Completion answer = driver.Result(ticket);
  EXPECT_EQ(answer.fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(answer, 0), std::chrono::seconds(4));
  EXPECT_EQ(answer.at, std::chrono::seconds(1'795'219'200));
}

TEST(ServerSession, WhileBatchesAreUnderWayTheNextGathers) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 2;
  ServerSessionDriver driver(options);
  driver.GetReady();
  for (int i = 0; i < 100; ++i) driver.Check("k");
  auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(ChecksIn(sent[1]), 1U);
  EXPECT_EQ(driver.session.stats().queue_depth, 98U);
  driver.AnswerFull(1);
  sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ChecksIn(sent[0]), 98U);
  driver.AnswerFull(1);
  driver.AnswerFull(98);
  EXPECT_EQ(driver.order().size(), 100U);
  const LinkStats stats = driver.session.stats();
  EXPECT_EQ(stats.submitted, 100U);
  EXPECT_EQ(stats.batches, 3U);
  EXPECT_EQ(stats.largest_batch, 98U);
}

// With few batches under way on a long line, the queue would age to its deadline.
TEST(ServerSession, AFullBatchDoesNotWaitForTheOnesUnderWay) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 2;
  options.pipeline.max_full_in_flight = 4;
  ServerSessionDriver driver(options);
  driver.GetReady();
  for (std::size_t i = 0; i < 2 + 4 * kMaxBatch; ++i) driver.Check("k");
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(ChecksIn(sent[1]), 1U);
  EXPECT_EQ(ChecksIn(sent[2]), kMaxBatch);
  EXPECT_EQ(ChecksIn(sent[3]), kMaxBatch);
  EXPECT_EQ(driver.session.stats().queue_depth, 2 * kMaxBatch);
  driver.AnswerFull(1);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Sent().size(), 2U);
  EXPECT_EQ(driver.session.stats().queue_depth, 0U);
}

TEST(ServerSession, RequestsLeaveInTheOrderInWhichTheyCame) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 1;
  ServerSessionDriver driver(options);
  driver.GetReady();
  driver.Check("first");
  driver.Check("a");
  driver.Submit(Kind::kReset, "a", 100 * kMillisecond);
  driver.Submit(Kind::kReset, "b", 100 * kMillisecond);
  driver.Check("a");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Sent().at(0).at(3), "p:{a}:default:tb1");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Sent().at(0), (SentCommand{"UNLINK", "p:{a}:default:tb1", "p:{b}:default:tb1"}));
  driver.Receive(":1\r\n");
  EXPECT_EQ(driver.Sent().at(0).at(0), "EVALSHA");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.order(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(driver.Result(3).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(3).readings.size(), 0U);
}

TEST(ServerSession, ADeadlinePassesWhileWritten) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  driver.Pass(99 * kMillisecond);
  EXPECT_FALSE(driver.Answered(ticket));
  driver.Pass(1 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  EXPECT_EQ(driver.session.stats().timeouts, 1U);
}

TEST(ServerSession, ADeadlinePassesWhileQueued) {
  ServerSessionDriver driver;
  driver.GetReady();
  driver.Check("a", 5000 * kMillisecond);
  driver.Check("b", 5000 * kMillisecond);
  const auto queued = driver.Check("c", 50 * kMillisecond);
  const auto patient = driver.Check("d", 5000 * kMillisecond);
  driver.Sent();
  driver.Pass(50 * kMillisecond);
  EXPECT_EQ(driver.Result(queued).fault, Fault::kTimeout);
  driver.AnswerFull(1);
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(3), "p:{d}:default:tb1");
  EXPECT_FALSE(driver.Answered(patient));
}

TEST(ServerSession, ADeadlinePassesBeforeThereIsAConnection) {
  ServerSessionDriver driver;
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
}

TEST(ServerSession, ARequestThatComesAfterItsDeadlineIsNotSent) {
  ServerSessionDriver driver;
  driver.GetReady();
  EXPECT_EQ(driver.Result(driver.Check("a", Nanos{0})).fault, Fault::kTimeout);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(ServerSession, EachRequestHasItsOwnDeadline) {
  ServerSessionDriver driver;
  driver.GetReady();
  std::vector<std::uint64_t> tickets;
  for (const int ms : {300, 100, 200, 100, 400}) {
    tickets.push_back(driver.Check("k", ms * kMillisecond));
  }
  driver.Sent();
  driver.Pass(250 * kMillisecond);
  EXPECT_EQ(driver.order(), (std::vector<std::uint64_t>{2, 4, 3}));
  driver.Pass(250 * kMillisecond);
  EXPECT_EQ(driver.order(), (std::vector<std::uint64_t>{2, 4, 3, 1, 5}));
}

TEST(ServerSession, ALateAnswerIsDroppedAndTheNextStillFits) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto late = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  driver.Pass(150 * kMillisecond);
  const auto next = driver.Check("b", 100 * kMillisecond);
  driver.Receive("*2\r\n:1\r\n:7000000000\r\n*2\r\n:2\r\n:3000000000\r\n");
  EXPECT_EQ(driver.Result(late).fault, Fault::kTimeout);
  EXPECT_EQ(BacklogOf(driver.Result(next), 0), std::chrono::seconds(3));
}

TEST(ServerSession, ABatchSharesItsPlaceEvenWhenSomeOfItTimedOut) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 1;
  ServerSessionDriver driver(options);
  driver.GetReady();
  driver.Check("first");
  driver.Sent();
  const auto hasty = driver.Check("a", 10 * kMillisecond);
  const auto patient = driver.Check("b", 1000 * kMillisecond);
  driver.AnswerFull(1);
  driver.Sent();
  driver.Pass(20 * kMillisecond);
  driver.Receive("*3\r\n:1\r\n:1000000000\r\n:2000000000\r\n");
  EXPECT_EQ(driver.Result(hasty).fault, Fault::kTimeout);
  EXPECT_EQ(BacklogOf(driver.Result(patient), 0), std::chrono::seconds(2));
}

TEST(ServerSession, AForgottenScriptIsLoadedAgainAndTheBatchesSentAgainInOrder) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto a = driver.Check("a");
  const auto b = driver.Check("b");
  const auto c = driver.Check("c");
  driver.Sent();
  driver.Receive("-NOSCRIPT No matching script.\r\n-NOSCRIPT No matching script.\r\n");
  auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(1), "LOAD");
  EXPECT_EQ(sent[0].at(2), ScriptText());
  driver.Receive("$40\r\nfedcba9876543210fedcba9876543210fedcba98\r\n");
  sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(1), "fedcba9876543210fedcba9876543210fedcba98");
  EXPECT_EQ(ChecksIn(sent[0]), 3U);
  driver.AnswerFull(3);
  EXPECT_EQ(driver.order(), (std::vector<std::uint64_t>{a, b, c}));
  EXPECT_EQ(driver.Result(c).fault, Fault::kNone);
  EXPECT_EQ(driver.session.stats().script_reloads, 1U);
}

TEST(ServerSession, AScriptThatIsAlwaysForgottenEndsInADeadline) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  while (!driver.Answered(ticket)) {
    const auto sent = driver.Sent();
    ASSERT_EQ(sent.size(), 1U);
    driver.Receive(sent[0].at(0) == "EVALSHA" ? "-NOSCRIPT\r\n"
                                              : "$40\r\n" + std::string(kSha) + "\r\n");
    driver.Pass(5 * kMillisecond);
  }
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
}

TEST(ServerSession, AServersErrorIsTheAnswerOfItsBatchAlone) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto a = driver.Check("a");
  const auto b = driver.Check("b");
  driver.Sent();
  driver.Receive("-NOPERM no rights to run 'mget', with args beginning with: 'x'\r\n");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(a).fault, Fault::kServer);
  EXPECT_EQ(driver.Result(a).detail, "NOPERM no rights to run 'mget'");
  EXPECT_EQ(driver.Result(b).fault, Fault::kNone);
  EXPECT_TRUE(driver.session.stats().connected);
}

TEST(ServerSession, ALongErrorIsCut) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  driver.Sent();
  driver.Receive("-ERR " + std::string(100'000, 'x') + "\r\n");
  EXPECT_EQ(driver.Result(ticket).detail, "ERR " + std::string(252, 'x'));
}

TEST(ServerSession, AnAnswerThatMakesNoSenseFailsTheBatchAndDropsTheConnection) {
  for (const char* nonsense : {"*3\r\n:1\r\n:0\r\n:0\r\n", ":1\r\n", "*2\r\n:1\r\n:-7\r\n",
                               "*1\r\n*1\r\n:0\r\n", "HTTP/1.1 400\r\n", "*99999999\r\n"}) {
    ServerSessionDriver driver;
    driver.GetReady();
    const auto a = driver.Check("a");
    driver.Sent();
    const std::uint64_t connection = driver.session.WantedConnection();
    driver.Receive(nonsense);
    EXPECT_NE(driver.Result(a).fault, Fault::kNone) << nonsense;
    EXPECT_NE(driver.session.WantedConnection(), connection) << nonsense;
  }
}

TEST(ServerSession, AnAnswerNobodyAskedForDropsTheConnection) {
  ServerSessionDriver driver;
  driver.GetReady();
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.Receive("*2\r\n:1\r\n:0\r\n");
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSession, ClosingAnswersEverything) {
  ServerSessionDriver driver;
  driver.GetReady();
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(driver.Check("k"));
  driver.Sent();
  driver.session.Close();
  for (const auto ticket : tickets) EXPECT_EQ(driver.Result(ticket).fault, Fault::kClosed);
  EXPECT_EQ(driver.session.WantedConnection(), 0U);
}

}  // namespace
}  // namespace sluice::redis
