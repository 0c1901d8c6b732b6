// What a connected link sends when, and what it makes of the answers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redis/backlog.h"
#include "redis/link_driver.h"
#include "redis/server_session.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

TEST(Link, AnIdleLinkSendsAtOnce) {
  LinkDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0][0], "EVALSHA");
  EXPECT_EQ(sent[0][1], kSha);
  EXPECT_EQ(sent[0][3], "p:{a}:default:tb1");
  EXPECT_FALSE(driver.Answered(ticket));
  driver.Receive("*2\r\n:1795219200000000\r\n:4000000000\r\n");
  const Completion answer = driver.Answer(ticket);
  EXPECT_EQ(answer.fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(answer, 0), std::chrono::seconds(4));
  EXPECT_EQ(answer.at, std::chrono::seconds(1'795'219'200));
}

TEST(Link, WhileBatchesAreUnderWayTheNextGathers) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 2;
  LinkDriver driver(options);
  driver.GetReady();
  for (int i = 0; i < 100; ++i) driver.Check("k");
  auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(ChecksIn(sent[1]), 1U);
  EXPECT_EQ(driver.link.stats().queue_depth, 98U);
  driver.AnswerFull(1);
  sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ChecksIn(sent[0]), 98U);
  driver.AnswerFull(1);
  driver.AnswerFull(98);
  EXPECT_EQ(driver.order().size(), 100U);
  const LinkStats stats = driver.link.stats();
  EXPECT_EQ(stats.submitted, 100U);
  EXPECT_EQ(stats.batches, 3U);
  EXPECT_EQ(stats.largest_batch, 98U);
}

// With few batches under way on a long line, the queue would age to its deadline.
TEST(Link, AFullBatchDoesNotWaitForTheOnesUnderWay) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 2;
  options.pipeline.max_full_in_flight = 4;
  LinkDriver driver(options);
  driver.GetReady();
  for (std::size_t i = 0; i < 2 + 4 * kMaxBatch; ++i) driver.Check("k");
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(ChecksIn(sent[1]), 1U);
  EXPECT_EQ(ChecksIn(sent[2]), kMaxBatch);
  EXPECT_EQ(ChecksIn(sent[3]), kMaxBatch);
  EXPECT_EQ(driver.link.stats().queue_depth, 2 * kMaxBatch);
  driver.AnswerFull(1);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Sent().size(), 2U);
  EXPECT_EQ(driver.link.stats().queue_depth, 0U);
}

TEST(Link, RequestsLeaveInTheOrderInWhichTheyCame) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 1;
  LinkDriver driver(options);
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
  EXPECT_EQ(driver.Answer(3).fault, Fault::kNone);
  EXPECT_EQ(driver.Answer(3).readings.size(), 0U);
}

TEST(Link, ADeadlinePassesWhileWritten) {
  LinkDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  driver.Pass(99 * kMillisecond);
  EXPECT_FALSE(driver.Answered(ticket));
  driver.Pass(1 * kMillisecond);
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kTimeout);
  EXPECT_EQ(driver.link.stats().timeouts, 1U);
}

TEST(Link, ADeadlinePassesWhileQueued) {
  LinkDriver driver;
  driver.GetReady();
  driver.Check("a", 5000 * kMillisecond);
  driver.Check("b", 5000 * kMillisecond);
  const auto queued = driver.Check("c", 50 * kMillisecond);
  const auto patient = driver.Check("d", 5000 * kMillisecond);
  driver.Sent();
  driver.Pass(50 * kMillisecond);
  EXPECT_EQ(driver.Answer(queued).fault, Fault::kTimeout);
  driver.AnswerFull(1);
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(3), "p:{d}:default:tb1");
  EXPECT_FALSE(driver.Answered(patient));
}

TEST(Link, ADeadlinePassesBeforeThereIsAConnection) {
  LinkDriver driver;
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kTimeout);
}

TEST(Link, ARequestThatComesAfterItsDeadlineIsNotSent) {
  LinkDriver driver;
  driver.GetReady();
  EXPECT_EQ(driver.Answer(driver.Check("a", Nanos{0})).fault, Fault::kTimeout);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(Link, EachRequestHasItsOwnDeadline) {
  LinkDriver driver;
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

TEST(Link, ALateAnswerIsDroppedAndTheNextStillFits) {
  LinkDriver driver;
  driver.GetReady();
  const auto late = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  driver.Pass(150 * kMillisecond);
  const auto next = driver.Check("b", 100 * kMillisecond);
  driver.Receive("*2\r\n:1\r\n:7000000000\r\n*2\r\n:2\r\n:3000000000\r\n");
  EXPECT_EQ(driver.Answer(late).fault, Fault::kTimeout);
  EXPECT_EQ(BacklogOf(driver.Answer(next), 0), std::chrono::seconds(3));
}

TEST(Link, ABatchSharesItsPlaceEvenWhenSomeOfItTimedOut) {
  ServerSession::Options options;
  options.pipeline.max_in_flight = 1;
  LinkDriver driver(options);
  driver.GetReady();
  driver.Check("first");
  driver.Sent();
  const auto hasty = driver.Check("a", 10 * kMillisecond);
  const auto patient = driver.Check("b", 1000 * kMillisecond);
  driver.AnswerFull(1);
  driver.Sent();
  driver.Pass(20 * kMillisecond);
  driver.Receive("*3\r\n:1\r\n:1000000000\r\n:2000000000\r\n");
  EXPECT_EQ(driver.Answer(hasty).fault, Fault::kTimeout);
  EXPECT_EQ(BacklogOf(driver.Answer(patient), 0), std::chrono::seconds(2));
}

TEST(Link, AForgottenScriptIsLoadedAgainAndTheBatchesSentAgainInOrder) {
  LinkDriver driver;
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
  EXPECT_EQ(driver.Answer(c).fault, Fault::kNone);
  EXPECT_EQ(driver.link.stats().script_reloads, 1U);
}

TEST(Link, AScriptThatIsAlwaysForgottenEndsInADeadline) {
  LinkDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  while (!driver.Answered(ticket)) {
    const auto sent = driver.Sent();
    ASSERT_EQ(sent.size(), 1U);
    driver.Receive(sent[0].at(0) == "EVALSHA" ? "-NOSCRIPT\r\n"
                                              : "$40\r\n" + std::string(kSha) + "\r\n");
    driver.Pass(5 * kMillisecond);
  }
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kTimeout);
}

TEST(Link, AServersErrorIsTheAnswerOfItsBatchAlone) {
  LinkDriver driver;
  driver.GetReady();
  const auto a = driver.Check("a");
  const auto b = driver.Check("b");
  driver.Sent();
  driver.Receive("-NOPERM no rights to run 'mget', with args beginning with: 'x'\r\n");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(a).fault, Fault::kServer);
  EXPECT_EQ(driver.Answer(a).detail, "NOPERM no rights to run 'mget'");
  EXPECT_EQ(driver.Answer(b).fault, Fault::kNone);
  EXPECT_TRUE(driver.link.stats().connected);
}

TEST(Link, ALongErrorIsCut) {
  LinkDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  driver.Sent();
  driver.Receive("-ERR " + std::string(100'000, 'x') + "\r\n");
  EXPECT_EQ(driver.Answer(ticket).detail, "ERR " + std::string(252, 'x'));
}

TEST(Link, AnAnswerThatMakesNoSenseFailsTheBatchAndDropsTheConnection) {
  for (const char* nonsense : {"*3\r\n:1\r\n:0\r\n:0\r\n", ":1\r\n", "*2\r\n:1\r\n:-7\r\n",
                               "*1\r\n*1\r\n:0\r\n", "HTTP/1.1 400\r\n", "*99999999\r\n"}) {
    LinkDriver driver;
    driver.GetReady();
    const auto a = driver.Check("a");
    driver.Sent();
    const std::uint64_t connection = driver.link.WantedConnection();
    driver.Receive(nonsense);
    EXPECT_NE(driver.Answer(a).fault, Fault::kNone) << nonsense;
    EXPECT_NE(driver.link.WantedConnection(), connection) << nonsense;
  }
}

TEST(Link, AnAnswerNobodyAskedForDropsTheConnection) {
  LinkDriver driver;
  driver.GetReady();
  const std::uint64_t connection = driver.link.WantedConnection();
  driver.Receive("*2\r\n:1\r\n:0\r\n");
  EXPECT_NE(driver.link.WantedConnection(), connection);
}

TEST(Link, ClosingAnswersEverything) {
  LinkDriver driver;
  driver.GetReady();
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(driver.Check("k"));
  driver.Sent();
  driver.link.Close();
  for (const auto ticket : tickets) EXPECT_EQ(driver.Answer(ticket).fault, Fault::kClosed);
  EXPECT_EQ(driver.link.WantedConnection(), 0U);
}

}  // namespace
}  // namespace sluice::redis
