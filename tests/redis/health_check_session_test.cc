// The health check of a session, and its lack of effects on requests.
#include <gtest/gtest.h>

#include <string>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

constexpr Nanos kWall{0};  // since 1970, less the driver's clock

const std::vector<SentCommand> kInfoCommands = {
    {"TIME"}, {"INFO", "replication"}, {"INFO", "memory"}};
const SentCommand kConfig = {"CONFIG", "GET", "maxmemory*"};

ServerSession::Options Curious() {
  ServerSession::Options options;
  options.checks_health = true;
  return options;
}

std::string Text(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string Time(std::string_view seconds) { return "*2\r\n" + Text(seconds) + Text("0"); }

// The driver's clock starts at 1000 s.
const std::string kAllWell =
    Time("1000") + Text("role:master\r\n") + Text("maxmemory_policy:noeviction\r\n");
const std::string kReplica =
    Time("1000") + Text("role:slave\r\n") + Text("maxmemory_policy:noeviction\r\n");

std::size_t WarningsOf(ServerSessionDriver& driver) {
  return driver.session.TakeWarnings(kWall).size();
}

TEST(SessionHealthCheck, StartsAfterTheWaitingChecksWereSent) {
  ServerSessionDriver driver(Curious());
  const auto ticket = driver.Check("a");
  driver.GetReady();
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(ChecksIn(sent[0]), 1U);
  EXPECT_EQ(std::vector(sent.begin() + 1, sent.end()), kInfoCommands);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_FALSE(driver.session.has_warnings());
  driver.Receive(kReplica);
  EXPECT_TRUE(driver.session.has_warnings());
  const auto warnings = driver.session.TakeWarnings(kWall);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].code, WarningCode::kReplica);
  EXPECT_FALSE(driver.session.has_warnings());
  EXPECT_EQ(driver.session.warnings().size(), 1U);
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(SessionHealthCheck, CanBeSwitchedOff) {
  ReadySession driver;
  EXPECT_TRUE(driver.Sent().empty());
}

TEST(SessionHealthCheck, DoesNotReadTheRoleUnderARouter) {
  ServerSession::Options options = Curious();
  options.routed = true;
  ReadySession driver(options);
  EXPECT_EQ(driver.Sent(), (std::vector<SentCommand>{{"TIME"}, {"INFO", "memory"}}));
  driver.Receive(Time("1000") + Text("maxmemory_policy:noeviction\r\n"));
  EXPECT_TRUE(driver.session.has_warnings());
}

TEST(SessionHealthCheck, ReadsConfigIfInfoLacksTheEvictionPolicy) {
  for (const std::string& memory : {std::string("-NOPERM no\r\n"), Text("used_memory:1\r\n"),
                                    std::string(":1\r\n"), std::string("$-1\r\n")}) {
    ReadySession driver(Curious());
    ASSERT_EQ(driver.Sent(), kInfoCommands);
    driver.Receive(Time("1000") + "-NOPERM no\r\n" + memory);
    EXPECT_FALSE(driver.session.has_warnings());
    ASSERT_EQ(driver.Sent(), std::vector<SentCommand>{kConfig});
    driver.Receive("*4\r\n" + Text("maxmemory") + Text("1") + Text("maxmemory-policy") +
                   Text("allkeys-lru"));
    const auto warnings = driver.session.TakeWarnings(kWall);
    ASSERT_EQ(warnings.size(), 1U) << memory;
    EXPECT_EQ(warnings[0].code, WarningCode::kEvictingPolicy);
  }
}

TEST(SessionHealthCheck, RefusalsDoNotAffectRequests) {
  ReadySession driver(Curious());
  driver.Sent();
  driver.Receive("-NOPERM\r\n-ERR unknown command 'INFO'\r\n-READONLY\r\n");
  driver.Sent();
  driver.Receive("-LOADING\r\n");
  EXPECT_EQ(WarningsOf(driver), 0U);
  const SessionStats stats = driver.session.stats();
  EXPECT_TRUE(stats.connected);
  EXPECT_EQ(stats.breaker, BreakerState::kClosed);
  EXPECT_EQ(stats.submitted + stats.completed + stats.faults + stats.retries + stats.batches, 0U);
  const auto ticket = driver.Check("a");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST(SessionHealthCheck, TheClockCheckAllowsForTheRoundTrip) {
  for (const bool late : {false, true}) {
    ReadySession driver(Curious());
    driver.Sent();
    if (late) driver.Pass(2 * kSecond);
    driver.Receive(Time("1002") + Text("role:master") + Text("maxmemory_policy:noeviction"));
    EXPECT_EQ(WarningsOf(driver), late ? 0U : 1U);
  }
}

TEST(SessionHealthCheck, RunsOnEachConnectionAndReportsAWarningOnce) {
  ServerSessionDriver driver(Curious());
  std::vector<std::size_t> news;
  for (const std::string& answer : {kReplica, kReplica, kAllWell, kReplica}) {
    driver.GetReady();
    EXPECT_EQ(driver.Sent(), kInfoCommands);
    driver.Receive(answer);
    news.push_back(WarningsOf(driver));
    driver.Lose();
    while (driver.session.WantedConnection() == 0) driver.Pass(kMillisecond);
  }
  EXPECT_EQ(news, (std::vector<std::size_t>{1, 0, 0, 1}));
}

// Otherwise each connection would end soon after it was ready.
TEST(SessionHealthCheck, IsSkippedOnTheConnectionAfterOneThatItEnded) {
  ServerSessionDriver driver(Curious());
  for (const bool asked : {true, false, true}) {
    driver.GetReady();
    EXPECT_EQ(driver.Sent().empty(), !asked);
    driver.Lose();
    while (driver.session.WantedConnection() == 0) driver.Pass(kMillisecond);
  }
}

TEST(SessionHealthCheck, AMissingReplyIsNotSilence) {
  ReadySession driver(Curious());
  driver.Sent();
  const std::uint64_t connection = driver.session.WantedConnection();
  EXPECT_EQ(driver.session.NextTime(), kNever);
  driver.Pass(10 * kSecond);
  EXPECT_EQ(driver.session.WantedConnection(), connection);
  EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed);
  // A check's silence counts from when it was asked.
  driver.Check("a");
  driver.Sent();
  driver.Pass(999 * kMillisecond);
  EXPECT_EQ(driver.session.WantedConnection(), connection);
  driver.Pass(kMillisecond);
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(SessionHealthCheck, AConnectionToLeaveWaitsForTheRepliesButNotForEver) {
  for (const bool answered : {true, false}) {
    ServerSessionDriver driver(Curious());
    driver.Check("a");
    driver.GetReady();
    driver.Sent();
    const std::uint64_t connection = driver.session.WantedConnection();
    driver.Receive("-READONLY replica\r\n");
    EXPECT_EQ(driver.session.WantedConnection(), connection);
    if (answered) {
      driver.Receive(kReplica);
    } else {
      driver.Pass(kSecond);
    }
    EXPECT_NE(driver.session.WantedConnection(), connection);
    EXPECT_EQ(WarningsOf(driver), answered ? 1U : 0U);
  }
}

TEST(SessionHealthCheck, RepliesOutOfBoundsOnlyEndTheConnection) {
  for (const std::string& nonsense :
       {"$2000000\r\n" + std::string(1'100'000, 'x'), std::string("*1\r\n*1\r\n*1\r\n:1\r\n"),
        std::string("HTTP/1.1 400\r\n")}) {
    ReadySession driver(Curious());
    driver.Sent();
    driver.Receive(nonsense);
    while (driver.session.WantedConnection() == 0) driver.Pass(kMillisecond);
    driver.GetReady();
    EXPECT_TRUE(driver.Sent().empty());
    const auto ticket = driver.Check("a");
    driver.Sent();
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  }
}

}  // namespace
}  // namespace sluice::redis
