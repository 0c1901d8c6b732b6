// How a link connects, loses its connection and reconnects.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "redis/link_driver.h"

namespace sluice::redis {
namespace {

constexpr Nanos kSecond = std::chrono::seconds(1);

TEST(LinkConnection, TheGreetingSaysWhoWeAreAndLoadsTheScript) {
  ServerSession::Options options;
  options.endpoint.user = "app";
  options.endpoint.password = "pw";
  options.endpoint.database = 3;
  LinkDriver driver(options);
  EXPECT_TRUE(driver.Sent().empty());
  driver.link.OnConnected(driver.now);
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0], (SentCommand{"AUTH", "app", "pw"}));
  EXPECT_EQ(sent[1], (SentCommand{"SELECT", "3"}));
  EXPECT_EQ(sent[2], (SentCommand{"SCRIPT", "LOAD", std::string(ScriptText())}));
  EXPECT_FALSE(driver.link.stats().connected);
}

TEST(LinkConnection, APasswordAloneIsOfTheDefaultUser) {
  ServerSession::Options options;
  options.endpoint.password = "pw";
  LinkDriver driver(options);
  driver.link.OnConnected(driver.now);
  EXPECT_EQ(driver.Sent().at(0), (SentCommand{"AUTH", "pw"}));
}

TEST(LinkConnection, WhoHasNoPasswordAsksWhetherOneIsWanted) {
  for (const bool wanted : {true, false}) {
    LinkDriver driver;
    const auto ticket = driver.Check("a");
    driver.link.OnConnected(driver.now);
    EXPECT_EQ(driver.Sent().at(0), (SentCommand{"PING"}));
    driver.Receive(wanted ? "-NOAUTH Authentication required.\r\n"
                          : "-NOPERM this user has no permissions to run 'ping'\r\n");
    EXPECT_EQ(driver.Answered(ticket), wanted);
    EXPECT_EQ(driver.link.WantedConnection() == 0, wanted);
  }
}

TEST(LinkConnection, ChecksWaitForTheFirstConnection) {
  LinkDriver driver;
  const auto ticket = driver.Check("a");
  driver.GetReady();
  EXPECT_EQ(ChecksIn(driver.Sent().at(0)), 1U);
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kNone);
}

TEST(LinkConnection, WhenConnectingFailsWhoWaitsIsToldAndWhoComesIsToldAtOnce) {
  LinkDriver driver;
  const auto waiting = driver.Check("a");
  driver.Lose("connection refused");
  EXPECT_EQ(driver.Answer(waiting).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.Answer(waiting).detail, "connection refused");
  EXPECT_EQ(driver.Answer(driver.Check("b")).fault, Fault::kUnavailable);
  // Still so during the next attempt: no check waits for a server that is known to be down.
  driver.Pass(kSecond);
  ASSERT_NE(driver.link.WantedConnection(), 0U);
  EXPECT_EQ(driver.Answer(driver.Check("c")).fault, Fault::kUnavailable);
  driver.GetReady();
  const auto served = driver.Check("d");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(served).fault, Fault::kNone);
}

TEST(LinkConnection, WhatWasWrittenFailsWithTheConnectionAndIsNotSentAgain) {
  LinkDriver driver;
  driver.GetReady();
  const auto written = driver.Check("a", kSecond);
  driver.Sent();
  const auto unwritten = driver.Check("b", kSecond);  // encoded, not handed over
  const auto queued = driver.Check("c", kSecond);
  driver.Lose("reset by peer");
  EXPECT_EQ(driver.Answer(written).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.Answer(written).detail, "reset by peer");
  EXPECT_FALSE(driver.Answered(unwritten));
  EXPECT_FALSE(driver.Answered(queued));
  driver.GetReady();  // at once: the connection had worked
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(2), "2");
  EXPECT_EQ(sent[0].at(3), "p:{b}:default:tb1");
  EXPECT_EQ(sent[0].at(4), "p:{c}:default:tb1");
  EXPECT_EQ(driver.link.stats().reconnects, 1U);
}

TEST(LinkConnection, ACommandWhoseLastByteWasKeptBackIsSentAgain) {
  for (const std::size_t kept : {0U, 1U}) {
    LinkDriver driver;
    driver.GetReady();
    const auto ticket = driver.Check("a", kSecond);
    driver.link.OnWritten(driver.link.Output().size() - kept);
    driver.Lose();
    EXPECT_EQ(driver.Answered(ticket), kept == 0) << kept;
  }
}

TEST(LinkConnection, HalfAnAnswerGoesWithItsConnection) {
  LinkDriver driver;
  driver.GetReady();
  driver.Check("a");
  driver.Sent();
  driver.Receive("*1\r\n:40000");
  driver.Lose();
  driver.GetReady();
  const auto ticket = driver.Check("b");
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kNone);
}

TEST(LinkConnection, WhatWaitedForAReloadSurvivesALostConnection) {
  LinkDriver driver;
  driver.GetReady();
  const auto a = driver.Check("a", kSecond);
  driver.Sent();
  driver.Receive("-NOSCRIPT\r\n");
  driver.Sent();
  driver.Lose();
  driver.GetReady();
  EXPECT_EQ(driver.Sent().at(0).at(3), "p:{a}:default:tb1");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(a).fault, Fault::kNone);
}

TEST(LinkConnection, AServerThatTurnsUsAwayIsQuotedWithoutSecrets) {
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
    LinkDriver driver(options);
    const auto ticket = driver.Check("a");
    driver.link.OnConnected(driver.now);
    driver.Sent();
    driver.Receive(c.error);
    EXPECT_EQ(driver.Answer(ticket).fault, Fault::kRefused);
    EXPECT_EQ(driver.Answer(ticket).detail, c.detail);
    EXPECT_EQ(driver.link.WantedConnection(), 0U);
    driver.Pass(kSecond);
    EXPECT_NE(driver.link.WantedConnection(), 0U);  // it tries again
  }
}

TEST(LinkConnection, ConnectingAndGreetingAreGivenUpAfterTheirTimeout) {
  for (const bool accepted : {false, true}) {
    LinkDriver driver;
    const auto patient = driver.Check("a", 10 * kSecond);
    if (accepted) driver.link.OnConnected(driver.now);
    driver.Pass(999 * kMillisecond);
    EXPECT_EQ(driver.link.WantedConnection(), 1U);
    EXPECT_FALSE(driver.Answered(patient));
    driver.Pass(1 * kMillisecond);
    EXPECT_EQ(driver.link.WantedConnection(), 0U);
    EXPECT_EQ(driver.Answer(patient).fault, Fault::kUnavailable);
  }
}

// With the server refusing at once, the wait between attempts is all that a server which comes up
// can be made to wait.
TEST(LinkConnection, AttemptsBackOffWithJitterAndStayFrequentEnough) {
  std::set<std::int64_t> firsts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    LinkDriver driver({}, seed);
    Nanos longest{0};
    Nanos sum{0};
    for (int attempt = 0; attempt < 50; ++attempt) {
      driver.Lose();
      const Nanos failed = driver.now;
      ASSERT_EQ(driver.link.WantedConnection(), 0U);
      while (driver.link.WantedConnection() == 0) {
        driver.now = driver.link.NextTime();
        driver.link.OnTime(driver.now);
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

TEST(LinkConnection, AConnectionThatNeverAnswersABatchIsNotReplacedAtOnceForEver) {
  LinkDriver driver;
  int immediate = 0;
  for (int i = 0; i < 10; ++i) {
    driver.GetReady();
    driver.Lose();
    if (driver.link.WantedConnection() != 0) {
      ++immediate;
    } else {
      driver.Pass(kSecond);
    }
  }
  EXPECT_EQ(immediate, 1);
}

TEST(LinkConnection, ASilentServerIsDroppedOnceNobodyWaitsForIt) {
  LinkDriver driver;
  driver.GetReady();
  driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.link.WantedConnection();
  driver.Pass(999 * kMillisecond);
  EXPECT_EQ(driver.link.WantedConnection(), connection);
  driver.Pass(1 * kMillisecond);
  EXPECT_NE(driver.link.WantedConnection(), connection);
}

TEST(LinkConnection, ASilentServerIsKeptWhileSomeoneStillWaits) {
  LinkDriver driver;
  driver.GetReady();
  const auto patient = driver.Check("a", 5 * kSecond);
  driver.Check("b", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.link.WantedConnection();
  driver.Pass(2 * kSecond);
  driver.Check("c", 100 * kMillisecond);  // its deadline makes the link look
  driver.Pass(2 * kSecond);
  EXPECT_EQ(driver.link.WantedConnection(), connection);
  driver.Sent();
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(patient).fault, Fault::kNone);
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.link.WantedConnection(), connection);  // it spoke a moment ago
}

TEST(LinkConnection, AServerThatAnswersLateButSteadilyIsKept) {
  LinkDriver driver;
  driver.GetReady();
  const std::uint64_t connection = driver.link.WantedConnection();
  for (int i = 0; i < 20; ++i) {
    const auto ticket = driver.Check("a", 100 * kMillisecond);
    driver.Sent();
    driver.Pass(500 * kMillisecond);
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Answer(ticket).fault, Fault::kTimeout);
  }
  EXPECT_EQ(driver.link.WantedConnection(), connection);
}

TEST(LinkConnection, SilenceIsCountedFromTheLastBytes) {
  LinkDriver driver;
  driver.GetReady();
  driver.Check("a", 100 * kMillisecond);
  driver.Check("b", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.link.WantedConnection();
  driver.Pass(900 * kMillisecond);
  driver.AnswerFull(1);  // to "a" alone
  driver.Pass(999 * kMillisecond);
  EXPECT_EQ(driver.link.WantedConnection(), connection);
  driver.Pass(1 * kMillisecond);
  EXPECT_NE(driver.link.WantedConnection(), connection);
}

TEST(LinkConnection, AServerThatNeverFinishesAReplyIsDropped) {
  LinkDriver driver;
  driver.GetReady();
  driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.link.WantedConnection();
  driver.Receive("*1\r\n:");
  for (int i = 0; i < 15; ++i) {
    driver.Receive("0");
    driver.Pass(100 * kMillisecond);
  }
  EXPECT_NE(driver.link.WantedConnection(), connection);
}

TEST(LinkConnection, AFrozenProcessDoesNotBlameTheServer) {
  LinkDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  const std::uint64_t connection = driver.link.WantedConnection();
  driver.PassFrozen(10 * kSecond);
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kTimeout);
  EXPECT_EQ(driver.link.WantedConnection(), connection);
  driver.AnswerFull(1);
  EXPECT_TRUE(driver.link.stats().connected);
}

TEST(LinkConnection, AfterAFreezeAnswersThatAreThereStillCount) {
  LinkDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a", 100 * kMillisecond);
  driver.Sent();
  driver.now += 10 * kSecond;
  driver.AnswerFull(1);  // the I/O thread reads before it looks at the time
  driver.PassFrozen(Nanos{0});
  EXPECT_EQ(driver.Answer(ticket).fault, Fault::kNone);
}

TEST(LinkConnection, ConnectingIsGivenItsTimeAgainAfterAFreeze) {
  LinkDriver driver;
  driver.PassFrozen(10 * kSecond);
  EXPECT_EQ(driver.link.WantedConnection(), 1U);
  driver.Pass(kSecond);
  EXPECT_EQ(driver.link.WantedConnection(), 0U);
}

}  // namespace
}  // namespace sluice::redis
