// Connecting, the greeting, and attempts to reconnect.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

TEST(ServerSessionConnection, TheGreetingAuthenticatesAndLoadsTheScript) {
  ServerSession::Options options;
  options.endpoint.user = "app";
  options.endpoint.password = "pw";
  options.endpoint.database = 3;
  ServerSessionDriver driver(options);
  EXPECT_TRUE(driver.Sent().empty());
  driver.session.OnConnected(driver.now);
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0], (SentCommand{"AUTH", "app", "pw"}));
  EXPECT_EQ(sent[1], (SentCommand{"SELECT", "3"}));
  EXPECT_EQ(sent[2], (SentCommand{"SCRIPT", "LOAD", std::string(ScriptText())}));
  EXPECT_FALSE(driver.session.stats().connected);
}

TEST(ServerSessionConnection, APasswordWithoutAUserIsTheDefaultUsers) {
  ServerSession::Options options;
  options.endpoint.password = "pw";
  ServerSessionDriver driver(options);
  driver.session.OnConnected(driver.now);
  EXPECT_EQ(driver.Sent().at(0), (SentCommand{"AUTH", "pw"}));
}

TEST(ServerSessionConnection, WithoutAPasswordPingFindsOutWhetherOneIsNeeded) {
  for (const bool wanted : {true, false}) {
    ServerSessionDriver driver;
    const auto ticket = driver.Check("a");
    driver.session.OnConnected(driver.now);
    EXPECT_EQ(driver.Sent().at(0), (SentCommand{"PING"}));
    driver.Receive(wanted ? "-NOAUTH Authentication required.\r\n"
                          : "-NOPERM this user has no permissions to run 'ping'\r\n");
    EXPECT_EQ(driver.Answered(ticket), wanted);
    EXPECT_EQ(driver.session.WantedConnection() == 0, wanted);
  }
}

TEST(ServerSessionConnection, ChecksWaitForTheFirstConnection) {
  ServerSessionDriver driver;
  const auto ticket = driver.Check("a");
  driver.GetReady();
  EXPECT_EQ(ChecksIn(driver.Sent().at(0)), 1U);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST(ServerSessionConnection, ACheckFailsAtItsDeadlineWithoutAConnection) {
  ServerSessionDriver driver;
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
}

TEST(ServerSessionConnection, AFailedAttemptFailsWaitingChecksAndLaterOnesAtOnce) {
  ServerSessionDriver driver;
  const auto waiting = driver.Check("a");
  driver.Lose("connection refused");
  EXPECT_EQ(driver.Result(waiting).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.Result(waiting).detail, "connection refused");
  EXPECT_EQ(driver.Result(driver.Check("b")).fault, Fault::kUnavailable);
  // Still so during the next attempt: no check waits for a server that is known to be down.
  driver.Pass(kSecond);
  ASSERT_NE(driver.session.WantedConnection(), 0U);
  EXPECT_EQ(driver.Result(driver.Check("c")).fault, Fault::kUnavailable);
  driver.GetReady();
  const auto served = driver.Check("d");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(served).fault, Fault::kNone);
}

TEST(ServerSessionConnection, OtherRequestsWaitUntilTheirDeadlineForAnUnreachableServer) {
  using Kind = Request::Kind;
  for (const Kind kind : {Kind::kReset, Kind::kDebit, Kind::kCredit, Kind::kAbort, Kind::kRelease,
                          Kind::kRenew, Kind::kBlock, Kind::kUnblock}) {
    ServerSessionDriver driver;
    const auto before = driver.Submit(kind, "a", 5 * kSecond);
    driver.Lose("connection refused");
    const auto after = driver.Submit(kind, "b", 5 * kSecond);
    const auto hasty = driver.Submit(kind, "c", kSecond / 100);
    EXPECT_FALSE(driver.Answered(before));
    EXPECT_FALSE(driver.Answered(after));
    driver.Pass(kSecond);
    EXPECT_EQ(driver.Result(hasty).fault, Fault::kUnavailable);
    EXPECT_EQ(driver.Result(hasty).detail, "connection refused");
    driver.GetReady();
    // The first is the probe.
    for (const auto next : {before, after}) {
      EXPECT_FALSE(driver.Answered(next));
      ASSERT_EQ(driver.Sent().size(), 1U);
      driver.Receive(kind == Kind::kReset ? ":1\r\n" : "*2\r\n:5\r\n:0\r\n");
    }
    EXPECT_EQ(driver.Result(before).fault, Fault::kNone);
    EXPECT_EQ(driver.Result(after).fault, Fault::kNone);
  }
}

TEST(ServerSessionConnection, ARefusedGreetingIsReportedWithoutSecrets) {
  struct Case {
    const char* error;
    const char* detail;
  };
  for (const Case& c :
       {Case{"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
             "WRONGPASS the server refused the user or the password"},
        Case{"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n",
             "ERR the server refused the user or the password"},
        Case{"-hunter2 is wrong\r\n", "ERR the server refused the user or the password"},
        Case{"+OK\r\n-ERR DB index is out of range\r\n", "ERR DB index is out of range"},
        Case{"+OK\r\n+OK\r\n-NOAUTH Authentication required.\r\n",
             "NOAUTH Authentication required."},
        Case{"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n",
             "LOADING Redis is loading the dataset in memory"}}) {
    ServerSession::Options options;
    options.endpoint.password = "hunter2";
    options.endpoint.database = 99;
    ServerSessionDriver driver(options);
    const auto ticket = driver.Check("a");
    driver.session.OnConnected(driver.now);
    driver.Sent();
    driver.Receive(c.error);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kRefused);
    EXPECT_EQ(driver.Result(ticket).detail, c.detail);
    EXPECT_EQ(driver.session.WantedConnection(), 0U);
    driver.Pass(kSecond);
    EXPECT_NE(driver.session.WantedConnection(), 0U);  // it tries again
  }
}

TEST(ServerSessionConnection, ConnectingAndGreetingHaveATimeout) {
  for (const bool accepted : {false, true}) {
    ServerSessionDriver driver;
    const auto patient = driver.Check("a", 10 * kSecond);
    if (accepted) driver.session.OnConnected(driver.now);
    driver.Pass(999 * kMillisecond);
    EXPECT_EQ(driver.session.WantedConnection(), 1U);
    EXPECT_FALSE(driver.Answered(patient));
    driver.Pass(1 * kMillisecond);
    EXPECT_EQ(driver.session.WantedConnection(), 0U);
    EXPECT_EQ(driver.Result(patient).fault, Fault::kUnavailable);
  }
}

// If the server refuses at once, the wait between attempts is the only delay when it comes back.
TEST(ServerSessionConnection, AttemptsBackOffWithJitterAndStayFrequentEnough) {
  std::set<std::int64_t> firsts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ServerSessionDriver driver({}, seed);
    Nanos longest{0};
    Nanos sum{0};
    for (int attempt = 0; attempt < 50; ++attempt) {
      driver.Lose();
      const Nanos failed = driver.now;
      ASSERT_EQ(driver.session.WantedConnection(), 0U);
      while (driver.session.WantedConnection() == 0) {
        driver.now = driver.session.NextTime();
        driver.session.OnTime(driver.now);
      }
      const Nanos wait = driver.now - failed;
      if (attempt == 0) firsts.insert(wait.count());
      if (attempt < 3) {
        EXPECT_LE(wait, 50 * kMillisecond * (1 << attempt));
      }
      EXPECT_GE(wait, 10 * kMillisecond);
      longest = std::max(longest, wait);
      sum += wait;
    }
    EXPECT_LE(longest, 750 * kMillisecond);
    EXPECT_GE(longest, 400 * kMillisecond) << "seed " << seed;
    EXPECT_GE(sum, 5 * kSecond) << "seed " << seed;
  }
  EXPECT_GE(firsts.size(), 10U) << "not random";
}

TEST(ServerSessionConnection, AConnectionThatNeverAnsweredABatchIsReplacedAtOnceOnlyOnce) {
  ServerSessionDriver driver;
  int immediate = 0;
  for (int i = 0; i < 10; ++i) {
    driver.GetReady();
    driver.Lose();
    if (driver.session.WantedConnection() != 0) {
      ++immediate;
    } else {
      driver.Pass(kSecond);
    }
  }
  EXPECT_EQ(immediate, 1);
}

TEST(ServerSessionConnection, AfterAFreezeConnectingHasItsFullTimeoutAgain) {
  ServerSessionDriver driver;
  driver.PassFrozen(10 * kSecond);
  EXPECT_EQ(driver.session.WantedConnection(), 1U);
  driver.Pass(kSecond);
  EXPECT_EQ(driver.session.WantedConnection(), 0U);
}

TEST(ServerSessionConnection, TheLastPasswordIsSent) {
  ServerSession::Options options;
  options.endpoint.user = "app";
  ServerSessionDriver driver(options);
  for (const std::string password : {"one", "two"}) {
    driver.session.SetPassword(password);
    driver.session.OnConnected(driver.now);
    EXPECT_EQ(driver.Sent().at(0), (SentCommand{"AUTH", "app", password}));
    driver.Lose();
    driver.Pass(kSecond);
  }
}

TEST(ServerSessionConnection, WithoutAPasswordWaitingChecksFail) {
  ServerSessionDriver driver;
  const auto ticket = driver.Check("a");
  driver.session.OnRefused("no password: none", driver.now);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kRefused);
  EXPECT_EQ(driver.Result(ticket).detail, "no password: none");
}

TEST(ServerSessionConnection, ASlowAttemptReportsItsStage) {
  ServerSessionDriver driver;
  driver.session.OnStage("the stars");
  const auto ticket = driver.Check("a", 5 * kSecond);
  driver.Pass(kSecond);
  EXPECT_EQ(driver.Result(ticket).detail, "connecting took too long: the stars");
}

TEST(ServerSessionConnection, ATimeoutBeforeTheConnectionReportsTheStage) {
  ServerSessionDriver driver;
  driver.session.OnStage("the stars");
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
  EXPECT_EQ(driver.Result(ticket).detail, "not connected before the deadline: the stars");
  driver.session.OnConnected(driver.now);
  const auto next = driver.Check("b", 100 * kMillisecond);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.Result(next).detail,
            "not connected before the deadline: the server accepted the connection but did not "
            "answer");
}

TEST(ServerSessionConnection, ShortConnectionsAreReplacedAfterGrowingPauses) {
  ServerSessionDriver driver;
  unsigned connections = 0;
  const Nanos end = driver.now + 10 * kSecond;
  while (driver.now < end) {
    if (driver.session.WantedConnection() == 0) {
      driver.Pass(kMillisecond);
      continue;
    }
    ++connections;
    driver.GetReady();
    driver.Check("a");
    if (!driver.Sent().empty()) driver.AnswerFull(1);
    driver.Pass(kMillisecond);
    driver.Lose("broken off");
  }
  // At most 750 ms between two attempts, so 375 ms on average.
  EXPECT_GE(connections, 10U);
  EXPECT_LE(connections, 100U);
}

TEST(ServerSessionConnection, AConnectionThatLastsASecondEndsThePauses) {
  ServerSessionDriver driver;
  for (int i = 0; i < 5; ++i) {
    while (driver.session.WantedConnection() == 0) driver.Pass(kMillisecond);
    driver.GetReady();
    driver.Check("a");
    driver.Sent();
    driver.AnswerFull(1);
    driver.Lose("broken off");
  }
  EXPECT_EQ(driver.session.WantedConnection(), 0U);
  while (driver.session.WantedConnection() == 0) driver.Pass(kMillisecond);
  driver.GetReady();
  driver.Pass(kSecond);
  const auto ticket = driver.Check("b");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  driver.Lose("restarted");
  EXPECT_NE(driver.session.WantedConnection(), 0U);
}

}  // namespace
}  // namespace sluice::redis
