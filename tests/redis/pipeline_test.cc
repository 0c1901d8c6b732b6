// The pipeline, over a connection of ours and through the user's client: batches, deadlines, the
// breaker. Replies come in the order of the commands.
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "redis/link_driver.h"
#include "redis/relay_driver.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;
using State = BreakerState;

constexpr Nanos kSecond = std::chrono::seconds(1);

class OwnConnection {
 public:
  OwnConnection() { driver_.GetReady(); }

  std::uint64_t Check(std::string_view key, Nanos timeout = 100 * kMillisecond) {
    return driver_.Check(key, timeout);
  }
  std::uint64_t Submit(Kind kind, std::string_view key, Nanos timeout) {
    return driver_.Submit(kind, key, timeout);
  }
  /// The requests in each command since the last call.
  std::vector<std::size_t> Sent() {
    std::vector<std::size_t> sizes;
    for (const SentCommand& command : driver_.Sent()) {
      const bool reset = command[0] == "UNLINK";
      sizes.push_back(reset ? command.size() - 1 : ChecksIn(command));
      unanswered_.push_back({sizes.back(), reset});
    }
    return sizes;
  }
  /// The oldest command is answered: every state was new.
  void Answer() {
    const auto [size, reset] = Take();
    if (reset) return driver_.Receive(":1\r\n");
    driver_.AnswerFull(size);
  }
  void Fail(std::string_view error) {
    Take();
    driver_.Receive("-" + std::string(error) + "\r\n");
  }
  void Pass(Nanos time) { driver_.Pass(time); }
  void PassFrozen(Nanos time) { driver_.PassFrozen(time); }
  void Close() { driver_.link.Close(); }

  bool Answered(std::uint64_t ticket) { return driver_.Answered(ticket); }
  Completion Told(std::uint64_t ticket) { return driver_.Answer(ticket); }
  LinkStats stats() const { return driver_.link.stats(); }
  std::vector<State> TakeBreakerChanges() { return driver_.link.TakeBreakerChanges(); }
  const LatencyHistogram& latency() const { return driver_.link.latency(); }

 private:
  struct Unanswered {
    std::size_t size;
    bool reset;
  };
  Unanswered Take() {
    Sent();
    const Unanswered oldest = unanswered_.at(0);
    unanswered_.pop_front();
    return oldest;
  }

  LinkDriver driver_;
  std::deque<Unanswered> unanswered_;
};

class UsersClient {
 public:
  std::uint64_t Check(std::string_view key, Nanos timeout = 100 * kMillisecond) {
    return driver_.Check(key, timeout);
  }
  std::uint64_t Submit(Kind kind, std::string_view key, Nanos timeout) {
    return driver_.Submit(kind, key, timeout);
  }
  std::vector<std::size_t> Sent() {
    std::vector<std::size_t> sizes;
    for (ClientSession::Command& command : driver_.Sent()) {
      sizes.push_back(command.name == "unlink" ? command.pieces.size()
                                               : std::stoul(command.pieces.at(1)));
      unanswered_.push_back(std::move(command));
    }
    return sizes;
  }
  void Answer() {
    const ClientSession::Command command = Take();
    if (command.name == "unlink") return driver_.Answer(command, {1});
    driver_.AnswerFull(command, std::stoul(command.pieces.at(1)));
  }
  void Fail(std::string_view error) { driver_.Fail(Take(), error); }
  void Pass(Nanos time) { driver_.Pass(time); }
  void PassFrozen(Nanos time) {
    driver_.now += time;
    if (driver_.relay.NextTime() <= driver_.now) driver_.relay.OnTime(driver_.now);
  }
  void Close() { driver_.relay.Close(); }

  bool Answered(std::uint64_t ticket) { return driver_.Answered(ticket); }
  Completion Told(std::uint64_t ticket) { return driver_.Told(ticket); }
  LinkStats stats() const { return driver_.relay.stats(); }
  std::vector<State> TakeBreakerChanges() { return driver_.relay.TakeBreakerChanges(); }
  const LatencyHistogram& latency() const { return driver_.relay.latency(); }

 private:
  ClientSession::Command Take() {
    Sent();
    ClientSession::Command oldest = unanswered_.at(0);
    unanswered_.pop_front();
    return oldest;
  }

  RelayDriver driver_;
  std::deque<ClientSession::Command> unanswered_;
};

template <typename Session>
class PipelineTest : public ::testing::Test {
 protected:
  using Sizes = std::vector<std::size_t>;

  State Breaker() const { return session.stats().breaker; }
  Fault FaultOf(std::uint64_t ticket) { return session.Told(ticket).fault; }

  // Two batches go unanswered.
  void OpenBySilence() {
    session.Check("a");
    session.Check("b");
    session.Sent();
    session.Pass(100 * kMillisecond);
    ASSERT_EQ(Breaker(), State::kOpen);
  }

  // Time passes until a probe may go. Returns its ticket.
  std::uint64_t Probe() {
    for (int i = 0; i < 100; ++i) {
      const auto ticket = session.Check("probe");
      if (Breaker() == State::kHalfOpen) return ticket;
      EXPECT_EQ(FaultOf(ticket), Fault::kUnavailable);
      session.Pass(10 * kMillisecond);
    }
    ADD_FAILURE() << "no probe";
    return 0;
  }

  Session session;
};

using Sessions = ::testing::Types<OwnConnection, UsersClient>;
TYPED_TEST_SUITE(PipelineTest, Sessions);

// ---- Batches and deadlines

TYPED_TEST(PipelineTest, WhileTwoBatchesAreInFlightTheNextOneGathers) {
  auto& session = this->session;
  session.Check("a");
  session.Check("b");
  EXPECT_EQ(session.Sent(), (std::vector<std::size_t>{1, 1}));
  for (int i = 0; i < 5; ++i) session.Check("k" + std::to_string(i));
  EXPECT_TRUE(session.Sent().empty());
  EXPECT_EQ(session.stats().queue_depth, 5U);
  session.Answer();
  EXPECT_EQ(session.Sent(), std::vector<std::size_t>{5});
  EXPECT_EQ(session.stats().largest_batch, 5U);
}

TYPED_TEST(PipelineTest, ADeadlineHoldsThoughTheServerIsSilent) {
  auto& session = this->session;
  const auto ticket = session.Check("k", 30 * kMillisecond);
  session.Sent();
  session.Pass(29 * kMillisecond);
  EXPECT_FALSE(session.Answered(ticket));
  session.Pass(kMillisecond);
  EXPECT_EQ(this->FaultOf(ticket), Fault::kTimeout);
  session.Answer();  // dropped: the driver fails the test if a ticket is answered twice
  EXPECT_EQ(this->FaultOf(ticket), Fault::kTimeout);
  EXPECT_EQ(session.stats().completed, 1U);
}

TYPED_TEST(PipelineTest, CloseAnswersAll) {
  auto& session = this->session;
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 5; ++i) tickets.push_back(session.Check("k"));
  session.Close();
  for (const auto ticket : tickets) EXPECT_EQ(this->FaultOf(ticket), Fault::kClosed);
}

TYPED_TEST(PipelineTest, TheLatencyIsFromSubmissionToTheAnswer) {
  auto& session = this->session;
  for (int i = 0; i < 99; ++i) {
    session.Check("a");
    session.Sent();
    session.Pass(2 * kMillisecond);
    session.Answer();
  }
  session.Check("b");
  session.Sent();
  session.Pass(100 * kMillisecond);
  const LatencyHistogram& latency = session.latency();
  EXPECT_EQ(latency.count(), 100U);
  EXPECT_GE(latency.Quantile(0.99), 2 * kMillisecond);
  EXPECT_LE(latency.Quantile(0.99), 3 * kMillisecond);
  EXPECT_GE(latency.Quantile(1), 100 * kMillisecond);
}

TYPED_TEST(PipelineTest, AHiccupIsForgotten) {
  auto& session = this->session;
  // Two batches that meet a stall, though both are answered in time.
  session.Check("a", 10 * kSecond);
  session.Check("b", 10 * kSecond);
  session.Answer();
  session.Pass(5 * kSecond);
  session.Answer();
  // One at a time, and then three at once.
  for (int i = 0; i < 60; ++i) {
    session.Pass(kMillisecond);
    session.Check("c");
    session.Sent();
    session.Pass(kMillisecond / 10);
    session.Answer();
  }
  for (int i = 0; i < 3; ++i) session.Check("d");
  EXPECT_EQ(session.stats().shed, 0U);
}

// ---- The breaker

TYPED_TEST(PipelineTest, OneLateBatchIsNotYetAnOutage) {
  auto& session = this->session;
  session.Check("a");
  session.Sent();
  session.Pass(100 * kMillisecond);
  EXPECT_EQ(this->Breaker(), State::kClosed);
  EXPECT_FALSE(session.Answered(session.Check("b")));
}

TYPED_TEST(PipelineTest, BatchesThatGoUnansweredFailTheQueuedChecks) {
  auto& session = this->session;
  session.Check("a");
  session.Check("b");
  const auto queued = session.Check("c", 10 * kSecond);
  session.Sent();
  session.Pass(100 * kMillisecond);
  EXPECT_EQ(this->FaultOf(queued), Fault::kUnavailable);
  EXPECT_EQ(this->FaultOf(session.Check("d")), Fault::kUnavailable);
  EXPECT_EQ(session.stats().breaker_openings, 1U);
}

TYPED_TEST(PipelineTest, AnAnswerInTimeBetweenFailuresStartsTheCountAnew) {
  auto& session = this->session;
  for (int i = 0; i < 5; ++i) {
    session.Check("late");
    session.Sent();
    session.Pass(100 * kMillisecond);
    session.Answer();
    const auto in_time = session.Check("a");
    session.Answer();
    EXPECT_EQ(this->FaultOf(in_time), Fault::kNone);
    EXPECT_EQ(this->Breaker(), State::kClosed);
  }
}

TYPED_TEST(PipelineTest, OneRequestIsTheProbeAndItsAnswerLetsAllThrough) {
  auto& session = this->session;
  this->OpenBySilence();
  const auto probe = this->Probe();
  EXPECT_EQ(session.Sent(), std::vector<std::size_t>{1});
  EXPECT_EQ(this->FaultOf(session.Check("c")), Fault::kUnavailable) << "one probe at a time";
  session.Answer();  // to "a", late
  session.Answer();  // to "b", late
  EXPECT_EQ(this->Breaker(), State::kHalfOpen);
  session.Answer();
  EXPECT_EQ(this->FaultOf(probe), Fault::kNone);
  EXPECT_EQ(session.TakeBreakerChanges(),
            (std::vector{State::kOpen, State::kHalfOpen, State::kClosed}));
  const auto next = session.Check("d");
  session.Answer();
  EXPECT_EQ(this->FaultOf(next), Fault::kNone);
}

TYPED_TEST(PipelineTest, AProbeThatIsLostOpensAgain) {
  auto& session = this->session;
  this->OpenBySilence();
  this->Probe();
  session.Sent();
  session.Pass(99 * kMillisecond);
  EXPECT_EQ(this->Breaker(), State::kHalfOpen);
  session.Pass(kMillisecond);
  EXPECT_EQ(this->Breaker(), State::kOpen);
}

TYPED_TEST(PipelineTest, AfterALateAnswerAProbeMayGoAtOnce) {
  auto& session = this->session;
  this->OpenBySilence();
  session.Answer();
  EXPECT_EQ(this->Breaker(), State::kOpen);
  const auto probe = session.Check("c");
  EXPECT_EQ(this->Breaker(), State::kHalfOpen);
  session.Answer();
  session.Answer();
  EXPECT_EQ(this->FaultOf(probe), Fault::kNone);
  EXPECT_EQ(this->Breaker(), State::kClosed);
}

TYPED_TEST(PipelineTest, ADebitWaitsAndIsTheProbeWhenNoCheckIs) {
  auto& session = this->session;
  this->OpenBySilence();
  const auto first = session.Submit(Kind::kDebit, "a", 5 * kSecond);
  const auto second = session.Submit(Kind::kDebit, "b", 5 * kSecond);
  session.Pass(60 * kMillisecond);
  EXPECT_EQ(this->Breaker(), State::kHalfOpen);
  EXPECT_EQ(session.Sent(), std::vector<std::size_t>{1});
  for (int i = 0; i < 3; ++i) session.Answer();
  EXPECT_EQ(this->FaultOf(first), Fault::kNone);
  session.Answer();
  EXPECT_EQ(this->FaultOf(second), Fault::kNone);
}

TYPED_TEST(PipelineTest, AProbeWithALongDeadlineDoesNotKeepTheBreakerHalfOpen) {
  auto& session = this->session;
  this->OpenBySilence();
  session.Submit(Kind::kDebit, "a", 60 * kSecond);
  session.Pass(60 * kMillisecond);
  ASSERT_EQ(this->Breaker(), State::kHalfOpen);
  session.Pass(kSecond);
  EXPECT_NE(this->Breaker(), State::kHalfOpen);
}

// A process that did not run missed deadlines, too; they say nothing of the server.
TYPED_TEST(PipelineTest, AFreezeDoesNotTripTheBreaker) {
  for (const Nanos frozen : {160 * kMillisecond, 30 * kSecond}) {
    TypeParam session;
    session.Check("a");
    session.Check("b");
    session.Check("c");
    session.Sent();
    session.PassFrozen(frozen);
    EXPECT_EQ(session.stats().breaker, State::kClosed);
    const auto after = session.Check("d");
    session.Pass(99 * kMillisecond);  // the missed deadlines are not counted later, either
    EXPECT_EQ(session.stats().breaker, State::kClosed);
    for (int i = 0; i < 3; ++i) session.Answer();
    EXPECT_EQ(session.Told(after).fault, Fault::kNone);
    EXPECT_TRUE(session.TakeBreakerChanges().empty());
  }
}

TYPED_TEST(PipelineTest, AProbeThatAFreezeMadeLateIsFollowedByAnotherAtOnce) {
  auto& session = this->session;
  this->OpenBySilence();
  this->Probe();
  session.Sent();
  session.PassFrozen(30 * kSecond);
  const auto next = session.Check("c");
  EXPECT_EQ(session.Sent().size(), 1U);
  for (int i = 0; i < 4; ++i) session.Answer();
  EXPECT_EQ(this->FaultOf(next), Fault::kNone);
}

TYPED_TEST(PipelineTest, ErrorsOfARequestFailItAndErrorsOfTheServerOpenTheBreaker) {
  auto& session = this->session;
  const auto refused = session.Check("k");
  session.Fail("NOPERM no permission for 'get', with args beginning with: x");
  EXPECT_EQ(this->FaultOf(refused), Fault::kServer);
  EXPECT_EQ(session.Told(refused).detail, "NOPERM no permission for 'get'");
  EXPECT_EQ(this->Breaker(), State::kClosed);
  const auto check = session.Check("k");
  const auto reset = session.Submit(Kind::kReset, "k", 5 * kSecond);
  session.Fail("LOADING Redis is loading the dataset in memory");
  session.Fail("LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(this->FaultOf(check), Fault::kServer);
  EXPECT_EQ(this->Breaker(), State::kOpen);
  EXPECT_FALSE(session.Answered(reset)) << "it has no failure rule";
  session.Pass(2 * kSecond);
  session.Answer();
  EXPECT_EQ(this->FaultOf(reset), Fault::kNone);
}

}  // namespace
}  // namespace sluice::redis
