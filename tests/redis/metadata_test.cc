// Metadata of limiters: published behind the checks, renewed, and without effect if it is refused.
#include "redis/metadata.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "redis/client_session_driver.h"
#include "redis/keys.h"
#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

constexpr Nanos kHour = std::chrono::hours(1);

SentCommand Write(const std::string& name) {
  return {"SET", name, "text of " + name, "EX", "86400"};
}

class MetadataTest : public ::testing::Test {
 protected:
  void Add(const std::string& name) { Add(Metadata{.name = name, .text = "text of " + name}); }
  void Add(const Metadata& metadata) {
    held_.push_back(std::make_shared<const Metadata>(metadata));
    list_->Add(held_.back());
  }
  ServerSession::Options Options() const {
    ServerSession::Options options;
    options.metadata = list_;
    return options;
  }
  // The commands after `reply` to the last one.
  static std::vector<SentCommand> After(ServerSessionDriver& driver, std::string_view reply) {
    driver.Receive(reply);
    return driver.Sent();
  }

  std::shared_ptr<MetadataList> list_ = std::make_shared<MetadataList>();
  std::vector<std::shared_ptr<const Metadata>> held_;
};

using Sent = std::vector<SentCommand>;

TEST_F(MetadataTest, IsWrittenAfterTheWaitingChecksOneKeyAtATime) {
  Add("a");
  Add("b");
  ServerSessionDriver driver(Options());
  const auto ticket = driver.Check("k");
  driver.GetReady();
  auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(sent[1], Write("a"));
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_TRUE(driver.Sent().empty());
  EXPECT_EQ(After(driver, "+OK\r\n"), Sent{Write("b")});
  EXPECT_TRUE(After(driver, "+OK\r\n").empty());
}

TEST_F(MetadataTest, IsNotCountedAsARequest) {
  Add("a");
  ReadySession driver(Options());
  ASSERT_EQ(driver.Sent(), Sent{Write("a")});
  EXPECT_TRUE(driver.session.idle());
  EXPECT_EQ(driver.session.requests_in_flight(), 0U);
  driver.Receive("-OOM no\r\n");
  const SessionStats stats = driver.session.stats();
  EXPECT_EQ(stats.submitted + stats.completed + stats.faults + stats.retries + stats.batches, 0U);
}

TEST_F(MetadataTest, IsRenewedEveryHour) {
  Add("a");
  Add("b");
  ReadySession driver(Options());
  driver.Sent();
  After(driver, "+OK\r\n");
  After(driver, "+OK\r\n");
  driver.Pass(kHour - kSecond);
  EXPECT_TRUE(driver.Sent().empty());
  driver.Pass(kSecond);
  EXPECT_EQ(driver.Sent(), Sent{Write("a")});
  EXPECT_EQ(After(driver, "+OK\r\n"), Sent{Write("b")});
}

TEST_F(MetadataTest, ALaterEntryIsWrittenAtOnceAndAlone) {
  Add("a");
  ReadySession driver(Options());
  driver.Sent();
  EXPECT_TRUE(After(driver, "+OK\r\n").empty());
  Add("b");
  driver.session.PublishMetadata(driver.now);
  EXPECT_EQ(driver.Sent(), Sent{Write("b")});
  driver.session.PublishMetadata(driver.now);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST_F(MetadataTest, AReleasedEntryIsNotWrittenAgain) {
  Add("a");
  Add("b");
  Add("c");
  ReadySession driver(Options());
  ASSERT_EQ(driver.Sent(), Sent{Write("a")});
  held_[1] = nullptr;
  EXPECT_EQ(After(driver, "+OK\r\n"), Sent{Write("c")});
  driver.Receive("+OK\r\n");
  held_.clear();
  driver.Pass(2 * kHour);
  EXPECT_TRUE(driver.Sent().empty());
  EXPECT_EQ(driver.session.NextTime(), kNever);
}

TEST_F(MetadataTest, ARefusalDelaysTheOthersByAnHourAndHasNoOtherEffect) {
  for (const std::string refusal :
       {"-NOPERM no\r\n", "-OOM no\r\n", "-READONLY no\r\n", "-LOADING no\r\n", "-NOAUTH no\r\n",
        "$2\r\nOK\r\n", ":1\r\n"}) {
    held_.clear();
    Add("a");
    Add("b");
    ReadySession driver(Options());
    ASSERT_EQ(driver.Sent(), Sent{Write("a")});
    EXPECT_TRUE(After(driver, refusal).empty()) << refusal;
    EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed) << refusal;
    EXPECT_TRUE(driver.session.TakeBreakerChanges().empty());
    const auto ticket = driver.Check("k");
    ASSERT_EQ(driver.Sent().size(), 1U);
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
    driver.Pass(kHour);
    EXPECT_EQ(driver.Sent(), Sent{Write("a")}) << refusal;
  }
}

// The numbers of a policy in this process.
Metadata Numbers(const std::string& text) {
  return {.name = "p:policy:api", .text = text, .policy = "policy 'api' under the prefix 'p'"};
}

SentCommand Exchange(const std::string& text) {
  return {"SET", "p:policy:api", text, "EX", "86400", "GET"};
}

std::string Text(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

TEST_F(MetadataTest, OtherNumbersOfAPolicyCauseOneWarning) {
  Add(Numbers("bucket(limit: 5)"));
  ReadySession driver(Options());
  ASSERT_EQ(driver.Sent(), Sent{Exchange("bucket(limit: 5)")});
  EXPECT_TRUE(After(driver, Text("bucket(limit: 6)")).empty());
  ASSERT_TRUE(driver.session.has_warnings());
  const auto warnings = driver.session.TakeWarnings(Nanos{0});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].code, WarningCode::kPolicyClash);
  EXPECT_EQ(warnings[0].detail,
            "policy 'api' under the prefix 'p' is bucket(limit: 5) here, and bucket(limit: 6) in "
            "another process, now or within the last day: both count the same calls. Give each "
            "service its own prefix");
  EXPECT_EQ(driver.session.warnings().size(), 1U);
  EXPECT_FALSE(driver.session.has_warnings());
  driver.Pass(kHour);
  ASSERT_EQ(driver.Sent(), Sent{Exchange("bucket(limit: 5)")});
  After(driver, Text("bucket(limit: 6)"));
  EXPECT_FALSE(driver.session.has_warnings()) << "once";
}

TEST_F(MetadataTest, EqualNumbersNoneAndARefusalCauseNoWarning) {
  for (const std::string& reply :
       {Text("bucket(limit: 5)"), std::string("$-1\r\n"), std::string("-NOPERM no\r\n"),
        std::string("-WRONGTYPE no\r\n"), std::string("-ERR syntax error\r\n")}) {
    held_.clear();
    Add(Numbers("bucket(limit: 5)"));
    ReadySession driver(Options());
    ASSERT_EQ(driver.Sent(), Sent{Exchange("bucket(limit: 5)")});
    EXPECT_TRUE(After(driver, reply).empty()) << reply;
    EXPECT_FALSE(driver.session.has_warnings()) << reply;
    EXPECT_TRUE(driver.session.stats().connected) << reply;
  }
}

TEST_F(MetadataTest, AnUnprintableOrLongPreviousTextIsNotShown) {
  for (const std::string& before : {std::string("a\nforged line"), std::string(100'000, 'x')}) {
    held_.clear();
    Add(Numbers("bucket(limit: 5)"));
    ReadySession driver(Options());
    ASSERT_EQ(driver.Sent().size(), 1U);
    After(driver, Text(before));
    const auto warnings = driver.session.TakeWarnings(Nanos{0});
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0].detail.find('\n'), std::string::npos);
    EXPECT_LT(warnings[0].detail.size(), 600U);
  }
}

TEST_F(MetadataTest, AClientSessionComparesNumbersToo) {
  Add(Numbers("bucket(limit: 5)"));
  ClientSession::Options options;
  options.metadata = list_;
  ClientSessionDriver driver(options);
  driver.Check("k");
  driver.AnswerFull(driver.SentOne());
  const ClientSession::Command command = driver.SentOne();
  EXPECT_EQ(command.name, "set");
  EXPECT_EQ(command.pieces.back(), "GET");
  driver.session.OnReply(command.id,
                         {.kind = Reply::Kind::kText, .text = "bucket(limit: 6)", .integers = {}},
                         driver.now);
  ASSERT_EQ(driver.session.TakeWarnings().size(), 1U);
  EXPECT_TRUE(driver.session.TakeWarnings().empty());
  EXPECT_EQ(driver.session.warnings().size(), 1U);
}

TEST_F(MetadataTest, EachNodeOfAClusterGetsAllEntries) {
  Add("a");
  Add("b");
  ServerSession::Options options = Options();
  options.routed = options.by_slot = true;
  ReadySession driver(options);
  ASSERT_EQ(driver.Sent(), Sent{Write("a")});
  EXPECT_EQ(After(driver, "-MOVED 7 10.0.0.1:6379\r\n"), Sent{Write("b")});
  EXPECT_TRUE(After(driver, "-ASK 8 10.0.0.1:6379\r\n").empty());
  EXPECT_TRUE(driver.session.TakeReturned().empty());
}

TEST_F(MetadataTest, AServerThatNeverRepliesKeepsItsConnection) {
  Add("a");
  ReadySession driver(Options());
  driver.Sent();
  driver.Pass(3 * kHour);
  EXPECT_TRUE(driver.session.stats().connected);
  EXPECT_TRUE(driver.Sent().empty());
  EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed);
}

TEST_F(MetadataTest, AConnectionThatEndsInsteadOfAReplyIsNotRepeated) {
  Add("a");
  ReadySession driver(Options());
  driver.Sent();
  driver.Lose();
  driver.GetReady();
  EXPECT_TRUE(driver.Sent().empty());
  driver.Pass(kHour);
  EXPECT_EQ(driver.Sent(), Sent{Write("a")});
}

TEST_F(MetadataTest, IsWrittenAgainOverANewConnection) {
  Add("a");
  ReadySession driver(Options());
  driver.Sent();
  driver.Receive("+OK\r\n");
  driver.Lose();
  driver.GetReady();
  EXPECT_EQ(driver.Sent(), Sent{Write("a")});
}

TEST_F(MetadataTest, WaitsForAnOpenBreaker) {
  ReadySession driver(Options());
  // Two batches go unanswered.
  driver.Check("k");
  driver.Check("l");
  driver.Pass(100 * kMillisecond);
  driver.Sent();
  ASSERT_NE(driver.session.stats().breaker, BreakerState::kClosed);
  Add("a");
  driver.session.PublishMetadata(driver.now);
  EXPECT_TRUE(driver.Sent().empty());
  driver.AnswerFull(1);
  driver.AnswerFull(1);
  driver.Pass(10 * kSecond);
  const auto probe = driver.Check("m");
  ASSERT_EQ(driver.Sent().size(), 1U);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(probe).fault, Fault::kNone);
  EXPECT_EQ(driver.Sent(), Sent{Write("a")});
}

TEST_F(MetadataTest, ThroughAClientIsWrittenAfterRepliesOneKeyAtATime) {
  Add("a");
  Add("b");
  ClientSessionDriver driver({.metadata = list_});
  const auto ticket = driver.Check("k");
  const ClientSession::Command check = driver.SentOne();
  ASSERT_EQ(check.name, "evalsha");
  driver.AnswerFull(check);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  const ClientSession::Command first = driver.SentOne();
  EXPECT_EQ(first.name, "set");
  EXPECT_EQ(first.pieces, (SentCommand{"a", "text of a", "EX", "86400"}));
  EXPECT_EQ(first.first_key, 0U);
  driver.session.OnReply(first.id, {.kind = Reply::Kind::kText, .text = "OK", .integers = {}},
                         driver.now);
  const ClientSession::Command second = driver.SentOne();
  EXPECT_EQ(second.pieces.at(0), "b");
  driver.session.OnReply(second.id, {.kind = Reply::Kind::kText, .text = "OK", .integers = {}},
                         driver.now);
  EXPECT_TRUE(driver.Sent().empty());
  // Once it is used again.
  driver.Pass(kHour);
  EXPECT_EQ(driver.session.NextTime(), kNever);
  EXPECT_TRUE(driver.Sent().empty());
  driver.Check("k");
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.SentOne().pieces.at(0), "a");
}

TEST_F(MetadataTest, ThroughAClientARefusalHasNoOtherEffect) {
  for (const bool lost : {false, true}) {
    held_.clear();
    Add("a");
    Add("b");
    ClientSessionDriver driver({.metadata = list_});
    driver.Check("k");
    driver.AnswerFull(driver.SentOne());
    const ClientSession::Command command = driver.SentOne();
    if (lost) {
      driver.Lose(command);
    } else {
      driver.Fail(command, "NOPERM no");
    }
    EXPECT_TRUE(driver.Sent().empty());
    EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed);
    EXPECT_EQ(driver.session.stats().faults, 0U);
    const auto ticket = driver.Check("k");
    driver.AnswerFull(driver.SentOne());
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
    EXPECT_TRUE(driver.Sent().empty());
    driver.Pass(kHour);
    driver.Check("k");
    driver.Fail(driver.SentOne(), "OOM no");
    EXPECT_TRUE(driver.Sent().empty()) << "a server that refuses checks";
    driver.Check("k");
    driver.AnswerFull(driver.SentOne());
    EXPECT_EQ(driver.SentOne().pieces.at(0), "a");
  }
}

TEST_F(MetadataTest, IsNamedByItsText) {
  std::string name;
  AppendMetaName("my{app}", "text", name);
  // The first half of SHA-256.
  EXPECT_EQ(name, "my%7Bapp%7D:meta:982d9e3eb996f559e633f4d194def376");
}

}  // namespace
}  // namespace sluice::redis
