// The pipeline's breaker: failures, probes and recovery.
#include <string>
#include <vector>

#include "redis/pipeline_fixture.h"

namespace sluice::redis {
namespace {

using State = BreakerState;

class PipelineBreaker : public PipelineTest {
 protected:
  /// A session whose server left two batches unanswered.
  static Driver MakeOpen() {
    Driver driver = Make();
    driver->Check("a");
    driver->Check("b");
    driver->Sent();
    driver->Pass(100 * kMillisecond);
    EXPECT_EQ(driver->breaker(), State::kOpen);
    return driver;
  }

  /// Lets time pass until a check is the probe. Returns its ticket.
  static std::uint64_t SendProbe(SessionDriver& driver) {
    for (int i = 0; i < 100; ++i) {
      const auto ticket = driver.Check("probe");
      if (driver.breaker() == State::kHalfOpen) return ticket;
      EXPECT_EQ(driver.FaultOf(ticket), Fault::kUnavailable);
      driver.Pass(10 * kMillisecond);
    }
    ADD_FAILURE() << "no probe";
    return 0;
  }
};
OVER_BOTH_SESSIONS(PipelineBreaker);

TEST_P(PipelineBreaker, OneUnansweredBatchDoesNotOpenIt) {
  const Driver driver = Make();
  driver->Check("a");
  driver->Sent();
  driver->Pass(100 * kMillisecond);
  EXPECT_EQ(driver->breaker(), State::kClosed);
  EXPECT_FALSE(driver->Answered(driver->Check("b")));
}

TEST_P(PipelineBreaker, TwoUnansweredBatchesFailTheQueuedChecksAndLaterOnes) {
  const Driver driver = Make();
  driver->Check("a");
  driver->Check("b");
  const auto queued = driver->Check("c", 10 * kSecond);
  driver->Sent();
  driver->Pass(100 * kMillisecond);
  EXPECT_EQ(driver->FaultOf(queued), Fault::kUnavailable);
  EXPECT_EQ(driver->FaultOf(driver->Check("d")), Fault::kUnavailable);
  EXPECT_EQ(driver->stats().breaker_openings, 1U);
}

TEST_P(PipelineBreaker, AnAnswerInTimeResetsTheCountOfFailures) {
  const Driver driver = Make();
  for (int i = 0; i < 5; ++i) {
    driver->Check("late");
    driver->Sent();
    driver->Pass(100 * kMillisecond);
    driver->AnswerFull(1);
    const auto in_time = driver->Check("a");
    driver->AnswerFull(1);
    EXPECT_EQ(driver->FaultOf(in_time), Fault::kNone);
    EXPECT_EQ(driver->breaker(), State::kClosed);
  }
}

TEST_P(PipelineBreaker, OneRequestIsTheProbeAndItsAnswerClosesIt) {
  const Driver driver = MakeOpen();
  const auto probe = SendProbe(*driver);
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(driver->FaultOf(driver->Check("c")), Fault::kUnavailable) << "one probe at a time";
  driver->AnswerFull(1);  // to "a", late
  driver->AnswerFull(1);  // to "b", late
  EXPECT_EQ(driver->breaker(), State::kHalfOpen);
  driver->AnswerFull(1);
  EXPECT_EQ(driver->FaultOf(probe), Fault::kNone);
  EXPECT_EQ(driver->TakeBreakerChanges(),
            (std::vector{State::kOpen, State::kHalfOpen, State::kClosed}));
  const auto next = driver->Check("d");
  driver->AnswerFull(1);
  EXPECT_EQ(driver->FaultOf(next), Fault::kNone);
}

TEST_P(PipelineBreaker, AnUnansweredProbeOpensItAgain) {
  const Driver driver = MakeOpen();
  SendProbe(*driver);
  driver->Sent();
  driver->Pass(99 * kMillisecond);
  EXPECT_EQ(driver->breaker(), State::kHalfOpen);
  driver->Pass(kMillisecond);
  EXPECT_EQ(driver->breaker(), State::kOpen);
}

TEST_P(PipelineBreaker, AProbeMayGoAtOnceAfterALateAnswer) {
  const Driver driver = MakeOpen();
  driver->AnswerFull(1);
  EXPECT_EQ(driver->breaker(), State::kOpen);
  const auto probe = driver->Check("c");
  EXPECT_EQ(driver->breaker(), State::kHalfOpen);
  EXPECT_EQ(driver->Sent().size(), 1U);
  driver->AnswerFull(1);
  driver->AnswerFull(1);
  EXPECT_EQ(driver->FaultOf(probe), Fault::kNone);
  EXPECT_EQ(driver->breaker(), State::kClosed);
}

TEST_P(PipelineBreaker, ADebitWaitsAndIsTheProbeIfThereIsNoCheck) {
  const Driver driver = MakeOpen();
  const auto first = driver->Submit(Kind::kDebit, "a", 5 * kSecond);
  const auto second = driver->Submit(Kind::kDebit, "b", 5 * kSecond);
  driver->Pass(60 * kMillisecond);
  EXPECT_EQ(driver->breaker(), State::kHalfOpen);
  EXPECT_EQ(driver->Sent().size(), 1U);
  for (int i = 0; i < 2; ++i) driver->AnswerFull(1);
  driver->AnswerArray({5, 0});
  EXPECT_EQ(driver->FaultOf(first), Fault::kNone);
  EXPECT_EQ(driver->Sent().size(), 1U);
  driver->AnswerArray({5, 0});
  EXPECT_EQ(driver->FaultOf(second), Fault::kNone);
}

TEST_P(PipelineBreaker, AProbeWithALongDeadlineDoesNotKeepItHalfOpen) {
  const Driver driver = MakeOpen();
  driver->Submit(Kind::kDebit, "a", 60 * kSecond);
  driver->Pass(60 * kMillisecond);
  ASSERT_EQ(driver->breaker(), State::kHalfOpen);
  driver->Pass(kSecond);
  EXPECT_NE(driver->breaker(), State::kHalfOpen);
}

// A frozen process misses deadlines, too; they say nothing about the server.
TEST_P(PipelineBreaker, AFreezeDoesNotOpenIt) {
  for (const Nanos frozen : {160 * kMillisecond, 30 * kSecond}) {
    const Driver driver = Make();
    driver->Check("a");
    driver->Check("b");
    driver->Check("c");
    driver->Sent();
    driver->PassFrozen(frozen);
    EXPECT_EQ(driver->breaker(), State::kClosed);
    const auto after = driver->Check("d");
    driver->Pass(99 * kMillisecond);  // missed answers are not counted later, either
    EXPECT_EQ(driver->breaker(), State::kClosed);
    for (int i = 0; i < 3; ++i) driver->AnswerFull(1);
    EXPECT_EQ(driver->FaultOf(after), Fault::kNone);
    EXPECT_TRUE(driver->TakeBreakerChanges().empty());
  }
}

TEST_P(PipelineBreaker, AFreezeForgetsEarlierFailures) {
  const Driver driver = Make();
  for (int i = 0; i < 2; ++i) {
    driver->Check("a");
    driver->Sent();
    driver->Pass(100 * kMillisecond);
    EXPECT_EQ(driver->breaker(), State::kClosed);
    if (i == 1) break;
    driver->Check("b", kSecond);
    driver->Sent();
    driver->PassFrozen(30 * kSecond);
  }
}

TEST_P(PipelineBreaker, AnotherProbeFollowsAtOnceIfAFreezeDelayedTheProbe) {
  const Driver driver = MakeOpen();
  SendProbe(*driver);
  driver->Sent();
  driver->PassFrozen(30 * kSecond);
  const auto next = driver->Check("c");
  EXPECT_EQ(driver->Sent().size(), 1U);
  for (int i = 0; i < 4; ++i) driver->AnswerFull(1);
  EXPECT_EQ(driver->FaultOf(next), Fault::kNone);
}

TEST_P(PipelineBreaker, AnErrorAboutTheServerOpensItAndAllButChecksAreSentAgain) {
  for (const std::string error :
       {"LOADING Redis is loading", "BUSY running a script", "CLUSTERDOWN"}) {
    for (const Kind kind : {Kind::kDebit, Kind::kReset}) {
      const Driver driver = Make();
      const std::uint64_t connection = driver->connection();
      const auto check = driver->Check("a", kSecond);
      const auto other = driver->Submit(kind, "b", 5 * kSecond);
      driver->Sent();
      for (int i = 0; i < 2; ++i) driver->AnswerError(error);
      EXPECT_EQ(driver->FaultOf(check), Fault::kServer) << error;
      EXPECT_EQ(driver->Result(check).detail, error);
      EXPECT_FALSE(driver->Answered(other)) << error;
      EXPECT_EQ(driver->Result(driver->Check("c")).detail, error);
      driver->Pass(100 * kMillisecond);
      EXPECT_EQ(driver->Sent().size(), 1U) << error;  // the probe
      if (kind == Kind::kReset) {
        driver->AnswerInteger(1);
      } else {
        driver->AnswerArray({5, 0});
      }
      EXPECT_EQ(driver->FaultOf(other), Fault::kNone) << error;
      EXPECT_EQ(driver->breaker(), State::kClosed) << error;
      EXPECT_EQ(driver->connection(), connection) << error;
      EXPECT_EQ(driver->stats().retries, 1U);
    }
  }
}

TEST_P(PipelineBreaker, AnErrorAboutARequestFailsItAndCountsAsAnAnswer) {
  for (const std::string error :
       {"OOM used memory", "NOPERM no permissions", "MISCONF", "NOREPLICAS"}) {
    const Driver driver = Make();
    for (int i = 0; i < 10; ++i) {
      const auto check = driver->Check("a");
      const auto debit = driver->Submit(Kind::kDebit, "b", 5 * kSecond);
      for (int j = 0; j < 2; ++j) driver->AnswerError(error);
      EXPECT_EQ(driver->Result(check).detail, error);
      EXPECT_EQ(driver->Result(debit).detail, error);
      EXPECT_EQ(driver->breaker(), State::kClosed);
    }
  }
}

}  // namespace
}  // namespace sluice::redis
