// Lost commands: retries, and slots that are released because no caller learned of them.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "redis/pipeline_fixture.h"
#include "redis/request_rules.h"

namespace sluice::redis {
namespace {

class PipelineRetry : public PipelineTest {};
OVER_BOTH_SESSIONS(PipelineRetry);

bool IsRepeatable(Request::Kind kind) {
  using Kind = Request::Kind;
  return kind == Kind::kReset || kind == Kind::kRelease || kind == Kind::kRenew ||
         kind == Kind::kBlock || kind == Kind::kUnblock;
}

TEST_P(PipelineRetry, ALostCommandIsSentAgainIfItIsRepeatable) {
  for (const Kind kind :
       {Kind::kCheck, Kind::kPeek, Kind::kReset, Kind::kDebit, Kind::kCredit, Kind::kAbort,
        Kind::kRelease, Kind::kRenew, Kind::kBlock, Kind::kUnblock}) {
    SCOPED_TRACE(static_cast<int>(kind));
    const Driver driver = Make();
    const auto ticket = driver->Submit(kind, "a", 5 * kSecond);
    const auto sent = driver->Sent();
    ASSERT_EQ(sent.size(), 1U);
    driver->LoseCommands("reset by peer");
    ASSERT_EQ(driver->Answered(ticket), !IsRepeatable(kind));
    if (!IsRepeatable(kind)) {
      EXPECT_EQ(driver->FaultOf(ticket), Fault::kUnavailable);
      EXPECT_EQ(driver->Result(ticket).detail, "reset by peer");
      continue;
    }
    driver->Reconnect();
    EXPECT_EQ(driver->Sent(), sent);
    EXPECT_EQ(driver->stats().retries, 1U);
    if (kind == Kind::kReset) {
      driver->AnswerInteger(1);
    } else {
      driver->AnswerArray({5, 0});
    }
    EXPECT_EQ(driver->FaultOf(ticket), Fault::kNone);
    EXPECT_EQ(driver->stats().submitted, driver->stats().completed);
  }
}

// ---- Slots

/// The words of a command behind the script's name.
std::vector<std::string> Rest(const SentCommand& command) {
  return {command.begin() + 2, command.end()};
}

const std::vector<std::string> kRelease = {
    "2", "p:{k}:c:co1", "p:{k}:c:co1:z", "1",        "1", "release", "n", "0", "0",
    "1", "1",           "1000000",       kHolderText};

TEST_P(PipelineRetry, ASlotIsReleasedIfItsCheckIsAnsweredTooLate) {
  const Driver driver = Make();
  const auto ticket = driver->Submit(driver->MakeSlotCheck());
  driver->Sent();
  driver->Pass(150 * kMillisecond);
  EXPECT_EQ(driver->FaultOf(ticket), Fault::kTimeout);
  driver->AnswerArray({5, 0, 0, 0});
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(0), "EVALSHA");
  EXPECT_EQ(Rest(sent[0]), kRelease);
  driver->AnswerArray({6, 1});
  EXPECT_EQ(driver->stats().submitted, driver->stats().completed);
  EXPECT_TRUE(driver->Sent().empty());
}

TEST_P(PipelineRetry, ASlotIsReleasedIfItsCheckIsLost) {
  for (const bool late : {false, true}) {
    const Driver driver = Make();
    const auto ticket = driver->Submit(driver->MakeSlotCheck());
    driver->Sent();
    if (late) driver->Pass(100 * kMillisecond);
    driver->LoseCommands("gone");
    EXPECT_EQ(driver->FaultOf(ticket), late ? Fault::kTimeout : Fault::kUnavailable);
    driver->Reconnect();
    const auto sent = driver->Sent();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(Rest(sent[0]), kRelease);
  }
}

TEST_P(PipelineRetry, NoSlotIsReleasedIfItsCheckFailedLate) {
  const Driver driver = Make();
  driver->Submit(driver->MakeSlotCheck());
  driver->Sent();
  const std::uint64_t connection = driver->connection();
  driver->Pass(150 * kMillisecond);
  driver->AnswerArray({5, -2}, "OOM");
  EXPECT_TRUE(driver->Sent().empty());
  EXPECT_EQ(driver->connection(), connection);
}

TEST_P(PipelineRetry, ASlotIsKeptIfItsCheckIsAnsweredInTime) {
  const Driver driver = Make();
  const auto ticket = driver->Submit(driver->MakeSlotCheck());
  driver->Sent();
  driver->AnswerArray({5, 0, 0, 0});
  EXPECT_EQ(driver->FaultOf(ticket), Fault::kNone);
  EXPECT_EQ(driver->Result(ticket).readings[0].numbers[0], 0);
  EXPECT_TRUE(driver->Sent().empty());
}

// ---- Ids

// A release that the script ignores if a repeat of the id may have reported the slot.
const std::vector<std::string> kReleaseOfTheId = {"1", "1", "release+", "n",         "0", "0",
                                                  "1", "1", "1000000",  kHolderText, "ab"};

TEST_P(PipelineRetry, ALostCheckWithAnIdIsSentAgainBehindARelease) {
  const Driver driver = Make();
  const auto ticket = driver->Submit(driver->MakeSlotCheck("1d"));
  const SentCommand first = driver->Sent().at(0);
  driver->LoseCommands("reset by peer");
  EXPECT_FALSE(driver->Answered(ticket));
  driver->Reconnect();
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  // Both have three keys, and the check's arguments are the same.
  std::vector<std::string> both{"6"};
  for (int i = 0; i < 2; ++i) both.insert(both.end(), first.begin() + 3, first.begin() + 6);
  both.insert(both.end(), kReleaseOfTheId.begin(), kReleaseOfTheId.end());
  both.insert(both.end(), first.begin() + 6, first.end());
  EXPECT_EQ(Rest(sent[0]), both);
  driver->AnswerArray({5, 1, 0, 0, 0});
  EXPECT_EQ(driver->FaultOf(ticket), Fault::kNone);
  EXPECT_EQ(driver->Result(ticket).readings[0].numbers[0], 0);
  EXPECT_EQ(driver->stats().submitted, driver->stats().completed);
}

TEST_P(PipelineRetry, ALostDebitOrCreditWithAnIdIsSentAgain) {
  for (const Kind kind : {Kind::kDebit, Kind::kCredit}) {
    const Driver driver = Make();
    Request request = driver->MakeSlotCheck("1d");
    request.kind = kind;
    const auto ticket = driver->Submit(std::move(request));
    const auto sent = driver->Sent();
    ASSERT_EQ(sent.size(), 1U);
    driver->LoseCommands("reset by peer");
    EXPECT_FALSE(driver->Answered(ticket));
    driver->Reconnect();
    EXPECT_EQ(driver->Sent(), sent);
    driver->AnswerArray({5, 0});
    EXPECT_EQ(driver->FaultOf(ticket), Fault::kNone);
    EXPECT_EQ(driver->stats().submitted, driver->stats().completed);
  }
}

TEST_P(PipelineRetry, ASlotTakenUnderAnIdIsReleasedAfterALateAnswer) {
  const Driver driver = Make();
  driver->Submit(driver->MakeSlotCheck("1d"));
  driver->Sent();
  driver->Pass(150 * kMillisecond);
  driver->AnswerArray({5, 0, 0, 0});
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(8), "release+");
}

TEST_P(PipelineRetry, ASlotIsReleasedIfItsLostCheckCannotBeSentAgain) {
  const Driver driver = Make();
  driver->Check("a");
  driver->LoseCommands("gone");
  driver->Reconnect();
  const auto ticket = driver->Submit(driver->MakeSlotCheck("1d"));
  driver->LoseCommands("gone");
  ASSERT_EQ(driver->breaker(), BreakerState::kOpen);
  EXPECT_EQ(driver->FaultOf(ticket), Fault::kUnavailable);
  driver->Sent();
  driver->Pass(2 * kSecond);
  driver->Reconnect();
  const auto sent = driver->Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(std::vector(sent[0].begin() + 6, sent[0].end()), kReleaseOfTheId);
  driver->AnswerArray({5, 1});
  EXPECT_EQ(driver->stats().submitted, driver->stats().completed);
}

// Static objects are destroyed before the functions that were registered before them run.
TEST(ReleaseOf, ItsSinkOutlivesStaticObjects) {
  EXPECT_EXIT(
      {
        static auto* const sink = new std::weak_ptr<Sink>;
        std::atexit([] { _Exit(sink->expired() ? 1 : 0); });
        *sink = ReleaseOf(Request(), Nanos{1}).sink;
        std::exit(2);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::redis
