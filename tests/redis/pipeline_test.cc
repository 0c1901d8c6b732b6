// Batches, deadlines, errors and statistics of the pipeline.
#include "redis/pipeline.h"

#include <string>
#include <vector>

#include "redis/backlog.h"
#include "redis/pipeline_fixture.h"

namespace sluice::redis {
namespace {

OVER_BOTH_SESSIONS(PipelineTest);

// ---- Batches

TEST_P(PipelineTest, AnIdleLaneSendsAtOnce) {
  const Driver driver = Make();
  const auto ticket = driver->Check("a");
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(0), "EVALSHA");
  EXPECT_EQ(sent[0].at(3), "p:{a}:default:tb1");
  EXPECT_FALSE(driver->Answered(ticket));
  driver->AnswerArray({1'795'219'200'000'000, 4'000'000'000});
  const Completion result = driver->Result(ticket);
  EXPECT_EQ(result.fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(result, 0), 4 * kSecond);
  EXPECT_EQ(result.at, std::chrono::seconds(1'795'219'200));
}

TEST_P(PipelineTest, RequestsGatherWhileTwoBatchesAreInFlight) {
  const Driver driver = Make({.max_in_flight = 2});
  for (int i = 0; i < 100; ++i) driver->Check("k");
  auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(ChecksIn(sent[1]), 1U);
  EXPECT_EQ(driver->stats().queue_depth, 98U);
  driver->AnswerFull(1);
  sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ChecksIn(sent[0]), 98U);
  driver->AnswerFull(1);
  driver->AnswerFull(98);
  EXPECT_EQ(driver->order().size(), 100U);
  const SessionStats stats = driver->stats();
  EXPECT_EQ(stats.submitted, 100U);
  EXPECT_EQ(stats.completed, 100U);
  EXPECT_EQ(stats.batches, 3U);
  EXPECT_EQ(stats.largest_batch, 98U);
}

// With few batches in flight and a long round trip, queued requests would reach their deadlines.
TEST_P(PipelineTest, AFullBatchDoesNotWaitForTheBatchesInFlight) {
  const Driver driver = Make({.max_in_flight = 2, .max_full_in_flight = 4});
  for (std::size_t i = 0; i < 2 + 4 * kMaxBatch; ++i) driver->Check("k");
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(ChecksIn(sent[1]), 1U);
  EXPECT_EQ(ChecksIn(sent[2]), kMaxBatch);
  EXPECT_EQ(ChecksIn(sent[3]), kMaxBatch);
  EXPECT_EQ(driver->stats().queue_depth, 2 * kMaxBatch);
  driver->AnswerFull(1);
  driver->AnswerFull(1);
  EXPECT_EQ(driver->Sent().size(), 2U);
  EXPECT_EQ(driver->stats().queue_depth, 0U);
}

TEST_P(PipelineTest, RequestsLeaveInTheOrderOfTheirSubmission) {
  const Driver driver = Make({.max_in_flight = 1});
  driver->Check("first");
  driver->Check("a");
  driver->Submit(Kind::kReset, "a", 100 * kMillisecond);
  driver->Submit(Kind::kReset, "b", 100 * kMillisecond);
  driver->Check("a");
  driver->Sent();
  driver->AnswerFull(1);
  EXPECT_EQ(driver->Sent().at(0).at(3), "p:{a}:default:tb1");
  driver->AnswerFull(1);
  EXPECT_EQ(driver->Sent().at(0), (SentCommand{"UNLINK", "p:{a}:default:tb1", "p:{a}:default:tb1:r",
                                               "p:{b}:default:tb1", "p:{b}:default:tb1:r"}));
  driver->AnswerInteger(1);
  EXPECT_EQ(driver->Sent().at(0).at(0), "EVALSHA");
  driver->AnswerFull(1);
  EXPECT_EQ(driver->order(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(driver->FaultOf(3), Fault::kNone);
  EXPECT_EQ(driver->Result(3).readings.size(), 0U);
}

// ---- Deadlines

TEST_P(PipelineTest, ARequestInFlightFailsAtItsDeadline) {
  const Driver driver = Make();
  const auto ticket = driver->Check("k", 30 * kMillisecond);
  driver->Sent();
  driver->Pass(29 * kMillisecond);
  EXPECT_FALSE(driver->Answered(ticket));
  driver->Pass(kMillisecond);
  EXPECT_EQ(driver->FaultOf(ticket), Fault::kTimeout);
  driver->AnswerFull(1);  // dropped
  EXPECT_EQ(driver->order().size(), 1U);
  EXPECT_EQ(driver->stats().timeouts, 1U);
  EXPECT_EQ(driver->stats().completed, 1U);
}

TEST_P(PipelineTest, AQueuedRequestFailsAtItsDeadlineAndIsNotSent) {
  const Driver driver = Make();
  driver->Check("a", 5 * kSecond);
  driver->Check("b", 5 * kSecond);
  const auto queued = driver->Check("c", 50 * kMillisecond);
  const auto patient = driver->Check("d", 5 * kSecond);
  driver->Sent();
  driver->Pass(50 * kMillisecond);
  EXPECT_EQ(driver->FaultOf(queued), Fault::kTimeout);
  driver->AnswerFull(1);
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(3), "p:{d}:default:tb1");
  EXPECT_FALSE(driver->Answered(patient));
}

TEST_P(PipelineTest, AReplyDoesNotSendAQueuedRequestAfterItsDeadline) {
  const Driver driver = Make({.max_in_flight = 1});
  driver->Check("a", 5 * kSecond);
  const auto queued = driver->Check("b", 50 * kMillisecond);
  driver->Sent();
  driver->now += 60 * kMillisecond;  // OnTime is late
  driver->AnswerFull(1);
  EXPECT_TRUE(driver->Sent().empty());
  EXPECT_EQ(driver->FaultOf(queued), Fault::kTimeout);
}

TEST_P(PipelineTest, ARequestSubmittedAtItsDeadlineIsNotSent) {
  const Driver driver = Make();
  EXPECT_EQ(driver->FaultOf(driver->Check("a", Nanos{0})), Fault::kTimeout);
  EXPECT_TRUE(driver->Sent().empty());
}

TEST_P(PipelineTest, EachRequestHasItsOwnDeadline) {
  const Driver driver = Make();
  for (const int ms : {300, 100, 200, 100, 400}) driver->Check("k", ms * kMillisecond);
  driver->Sent();
  driver->Pass(250 * kMillisecond);
  EXPECT_EQ(driver->order(), (std::vector<std::uint64_t>{2, 4, 3}));
  driver->Pass(250 * kMillisecond);
  EXPECT_EQ(driver->order(), (std::vector<std::uint64_t>{2, 4, 3, 1, 5}));
}

TEST_P(PipelineTest, ALateReplyIsDroppedAndTheNextOneStillFits) {
  const Driver driver = Make();
  const auto late = driver->Check("a");
  driver->Sent();
  driver->Pass(150 * kMillisecond);
  const auto next = driver->Check("b");
  driver->AnswerArray({1, 7'000'000'000});
  driver->AnswerArray({2, 3'000'000'000});
  EXPECT_EQ(driver->FaultOf(late), Fault::kTimeout);
  EXPECT_EQ(BacklogOf(driver->Result(next), 0), 3 * kSecond);
}

TEST_P(PipelineTest, AReplyFitsABatchOfWhichARequestTimedOut) {
  const Driver driver = Make({.max_in_flight = 1});
  driver->Check("first");
  driver->Sent();
  const auto hasty = driver->Check("a", 10 * kMillisecond);
  const auto patient = driver->Check("b", kSecond);
  driver->AnswerFull(1);
  driver->Sent();
  driver->Pass(20 * kMillisecond);
  driver->AnswerArray({1, 1'000'000'000, 2'000'000'000});
  EXPECT_EQ(driver->FaultOf(hasty), Fault::kTimeout);
  EXPECT_EQ(BacklogOf(driver->Result(patient), 0), 2 * kSecond);
}

// ---- Errors

TEST_P(PipelineTest, AnErrorFailsItsBatchAlone) {
  const Driver driver = Make();
  const std::uint64_t connection = driver->connection();
  const auto a = driver->Check("a");
  const auto b = driver->Check("b");
  driver->AnswerError("NOPERM no rights to run 'mget', with args beginning with: 'x'");
  driver->AnswerFull(1);
  EXPECT_EQ(driver->FaultOf(a), Fault::kServer);
  EXPECT_EQ(driver->Result(a).detail, "NOPERM no rights to run 'mget'");
  EXPECT_EQ(driver->FaultOf(b), Fault::kNone);
  EXPECT_EQ(driver->connection(), connection);
}

TEST_P(PipelineTest, ALongErrorIsCut) {
  const Driver driver = Make();
  const auto ticket = driver->Check("a");
  driver->AnswerError("ERR " + std::string(100'000, 'x'));
  EXPECT_EQ(driver->Result(ticket).detail, "ERR " + std::string(252, 'x'));
}

TEST_P(PipelineTest, AnErrorHintsAtTheMissingPermissionIfTheServerDoesNotNameIt) {
  const std::string vague =
      "ERR The user executing the script can't run this command or subcommand";
  const std::string noise = " script: 47042a35, on @user_script:83.";
  const Driver driver = Make();
  const auto detail = [&driver](std::string_view error, bool in_script = false) {
    const auto check = driver->Check("a");
    if (in_script) {
      driver->AnswerArray({5, -2}, std::string(error));
    } else {
      driver->AnswerError(error);
    }
    return driver->Result(check).detail;
  };
  const std::string wanted = vague + " (ACL LOG on the server names it)";
  EXPECT_EQ(detail(vague + noise), wanted);
  EXPECT_EQ(detail(vague, true), wanted);
  const std::string named = "ERR ACL failure in script: User u has no permissions to run 'time'";
  EXPECT_EQ(detail(named + noise), named);
  for (const std::string error : {"NOPERM No permissions to access a key",
                                  "NOPERM this user has no permissions to access one of the keys "
                                  "used as arguments"}) {
    EXPECT_TRUE(detail(error).starts_with(error + " (the user needs key patterns"));
  }
}

TEST_P(PipelineTest, AReplyThatTheScriptCannotGiveFailsItsBatch) {
  for (const std::vector<std::int64_t>& nonsense :
       {std::vector<std::int64_t>{}, {1}, {1, 2, 3}, {1, -9}}) {
    const Driver driver = Make();
    const auto ticket = driver->Check("k");
    driver->AnswerArray(nonsense);
    EXPECT_EQ(driver->FaultOf(ticket), Fault::kProtocol);
  }
  const Driver driver = Make();
  const auto reset = driver->Submit(Kind::kReset, "k", kSecond);
  driver->Receive({.kind = Reply::Kind::kStatus, .text = "OK", .integers = {}});
  EXPECT_EQ(driver->FaultOf(reset), Fault::kProtocol);
}

TEST_P(PipelineTest, ARefusedResetFailsAlone) {
  const Driver driver = Make();
  const auto reset = driver->Submit(Kind::kReset, "a", kSecond);
  const auto check = driver->Check("b");
  driver->AnswerError("NOPERM no permissions to run 'unlink'");
  EXPECT_EQ(driver->FaultOf(reset), Fault::kServer);
  EXPECT_EQ(driver->Result(reset).detail, "NOPERM no permissions to run 'unlink'");
  driver->AnswerFull(1);
  EXPECT_EQ(driver->FaultOf(check), Fault::kNone);
}

TEST_P(PipelineTest, OnlyTheRefusedRequestsOfABatchAreSentAgain) {
  const Driver driver = Make();
  driver->Check("k");
  driver->Check("l");
  const auto done = driver->Submit(Kind::kDebit, "a", 5 * kSecond);
  const auto refused = driver->Submit(Kind::kDebit, "b", 5 * kSecond);
  driver->AnswerFull(1);
  driver->AnswerFull(1);
  driver->Sent();
  driver->AnswerArray({5, 0, -2}, "LOADING");
  EXPECT_EQ(driver->FaultOf(done), Fault::kNone);
  EXPECT_FALSE(driver->Answered(refused));
  EXPECT_EQ(driver->breaker(), BreakerState::kOpen);
  driver->Pass(2 * kSecond);
  const auto again = driver->Sent();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].at(3), "p:{b}:default:tb1");
  driver->AnswerArray({5, 0});
  EXPECT_EQ(driver->FaultOf(refused), Fault::kNone);
}

// ---- The rest

TEST_P(PipelineTest, TheLatencyLastsFromTheSubmissionToTheResult) {
  const Driver driver = Make();
  for (int i = 0; i < 99; ++i) {
    driver->Check("a");
    driver->Sent();
    driver->Pass(2 * kMillisecond);
    driver->AnswerFull(1);
  }
  driver->Check("b");
  driver->Sent();
  driver->Pass(100 * kMillisecond);
  const LatencyHistogram& latency = driver->latency();
  EXPECT_EQ(latency.count(), 100U);
  EXPECT_GE(latency.Quantile(0.99), 2 * kMillisecond);
  EXPECT_LE(latency.Quantile(0.99), 3 * kMillisecond);
  EXPECT_GE(latency.Quantile(1), 100 * kMillisecond);
}

TEST_P(PipelineTest, CloseFailsQueuedRequestsAndRequestsInFlight) {
  const Driver driver = Make();
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(driver->Check("k"));
  driver->Sent();
  driver->Close();
  for (const auto ticket : tickets) EXPECT_EQ(driver->FaultOf(ticket), Fault::kClosed);
  EXPECT_EQ(driver->stats().completed, 5U);
  EXPECT_EQ(driver->connection(), 0U);
}

}  // namespace
}  // namespace sluice::redis
