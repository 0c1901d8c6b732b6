// The link's reactions to a server's errors.
#include <gtest/gtest.h>

#include <string>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

TEST(ServerSessionErrors, WhatTheServerSaysOfItselfOpensTheBreakerAndTheRestIsAskedAgain) {
  for (const char* error : {"LOADING Redis is loading", "BUSY running a script", "CLUSTERDOWN"}) {
    ServerSessionDriver driver;
    driver.GetReady();
    const auto check = driver.Check("a", kSecond);
    const auto debit = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
    driver.Sent();
    const std::uint64_t connection = driver.session.WantedConnection();
    for (int i = 0; i < 2; ++i) driver.Receive("-" + std::string(error) + "\r\n");
    EXPECT_EQ(driver.Result(check).fault, Fault::kServer) << error;
    EXPECT_EQ(driver.Result(check).detail, error);
    EXPECT_FALSE(driver.Answered(debit)) << error;
    EXPECT_EQ(driver.Result(driver.Check("c")).detail, error);
    driver.Pass(100 * kMillisecond);
    EXPECT_EQ(driver.Sent().size(), 1U) << error;  // the debit is the probe
    driver.Receive("*2\r\n:5\r\n:0\r\n");
    EXPECT_EQ(driver.Result(debit).fault, Fault::kNone) << error;
    EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed) << error;
    EXPECT_EQ(driver.session.WantedConnection(), connection) << error;
    EXPECT_EQ(driver.session.stats().retries, 1U);
  }
}

TEST(ServerSessionErrors, AServerThatIsNotTheOneToAskIsLeftOnceItHasAnsweredAll) {
  for (const bool in_script : {false, true}) {
    for (const char* error : {"READONLY replica", "MASTERDOWN", "NOAUTH who are you"}) {
      const std::string text(error);
      const std::string reply =
          in_script ? "*3\r\n:5\r\n:-2\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"
                    : "-" + text + "\r\n";
      ServerSessionDriver driver;
      driver.GetReady();
      const auto check = driver.Check("a", kSecond);
      const auto reset = driver.Submit(Kind::kReset, "b", 5 * kSecond);
      driver.Sent();
      const std::uint64_t connection = driver.session.WantedConnection();
      driver.Receive(reply);
      EXPECT_EQ(driver.Result(check).fault, Fault::kServer) << error;
      EXPECT_EQ(driver.Result(check).detail, error);
      EXPECT_EQ(driver.session.WantedConnection(), connection) << "one reply is still to come";
      driver.Receive("-" + text + "\r\n");
      EXPECT_EQ(driver.session.WantedConnection(), 0U) << error;
      EXPECT_FALSE(driver.Answered(reset));
      driver.Pass(100 * kMillisecond);
      driver.GetReady();
      EXPECT_EQ(driver.Sent().at(0).at(0), "UNLINK");
      driver.Receive(":1\r\n");
      EXPECT_EQ(driver.Result(reset).fault, Fault::kNone) << error;
    }
  }
}

// A replica answers peeks and refuses checks; it is not asked at once for ever.
TEST(ServerSessionErrors, AReplicaIsNotReconnectedToWithoutAPause) {
  ServerSessionDriver driver;
  for (int i = 0; i < 20; ++i) {
    driver.GetReady();
    const auto peek = driver.Submit(Kind::kPeek, "a", kSecond);
    driver.Sent();
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(peek).fault, Fault::kNone);
    driver.Check("b");
    driver.Sent();
    driver.Receive("-READONLY replica\r\n");
    ASSERT_EQ(driver.session.WantedConnection(), 0U);
    while (driver.session.WantedConnection() == 0) driver.Pass(10 * kMillisecond);
  }
}

TEST(ServerSessionErrors, WhatIsNoMatterOfTheServersStateFailsAloneAndAnswersStillCount) {
  for (const char* error : {"OOM used memory", "NOPERM no permissions", "MISCONF", "NOREPLICAS"}) {
    ServerSessionDriver driver;
    driver.GetReady();
    for (int i = 0; i < 10; ++i) {
      const auto check = driver.Check("a");
      const auto debit = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
      driver.Sent();
      for (int j = 0; j < 2; ++j) driver.Receive("-" + std::string(error) + "\r\n");
      EXPECT_EQ(driver.Result(check).detail, error);
      EXPECT_EQ(driver.Result(debit).detail, error);
      EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed);
    }
  }
}

TEST(ServerSessionErrors, WhereAServerDoesNotSayWhatPermissionIsMissingAHintIsGiven) {
  const std::string vague =
      "ERR The user executing the script can't run this command or subcommand";
  const std::string noise = " script: 47042a35, on @user_script:83.";
  ServerSessionDriver driver;
  driver.GetReady();
  const auto told = [&driver](const std::string& reply) {
    const auto check = driver.Check("a");
    driver.Sent();
    driver.Receive(reply);
    return driver.Result(check).detail;
  };
  const std::string wanted = vague + " (ACL LOG on the server names it)";
  EXPECT_EQ(told("-" + vague + noise + "\r\n"), wanted);
  EXPECT_EQ(told("*3\r\n:5\r\n:-2\r\n$" + std::to_string(vague.size()) + "\r\n" + vague + "\r\n"),
            wanted);
  const std::string named = "ERR ACL failure in script: User u has no permissions to run 'time'";
  EXPECT_EQ(told("-" + named + noise + "\r\n"), named);
  for (const std::string error : {"NOPERM No permissions to access a key",
                                  "NOPERM this user has no permissions to access one of the keys "
                                  "used as arguments"}) {
    EXPECT_TRUE(told("-" + error + "\r\n").starts_with(error + " (the user needs key patterns"));
  }
}

TEST(ServerSessionErrors, WhoTakesAClustersNodeForAServerAloneIsToldSo) {
  ServerSessionDriver driver;
  driver.GetReady();
  const std::string moved = "MOVED 7 10.0.0.1:6379";
  for (const Kind kind : {Kind::kCheck, Kind::kReset}) {
    const auto ticket = driver.Submit(kind, "a", kSecond);
    driver.Sent();
    driver.Receive("-" + moved + "\r\n");
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kServer);
    EXPECT_EQ(driver.Result(ticket).detail,
              moved + " (the server is a node of a cluster: give cluster: true)");
  }
  EXPECT_EQ(driver.session.stats().breaker, BreakerState::kClosed);
}

TEST(ServerSessionErrors, AResetThatIsRefusedFailsAlone) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto reset = driver.Submit(Kind::kReset, "a", kSecond);
  const auto check = driver.Check("b");
  driver.Sent();
  driver.Receive("-NOPERM no permissions to run 'unlink'\r\n");
  EXPECT_EQ(driver.Result(reset).fault, Fault::kServer);
  EXPECT_EQ(driver.Result(reset).detail, "NOPERM no permissions to run 'unlink'");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(check).fault, Fault::kNone);
}

TEST(ServerSessionErrors, AResetThatIsAnsweredByNonsenseEndsTheConnection) {
  ServerSessionDriver driver;
  driver.GetReady();
  const std::uint64_t connection = driver.session.WantedConnection();
  const auto reset = driver.Submit(Kind::kReset, "a", kSecond);
  driver.Sent();
  driver.Receive("+OK\r\n");
  EXPECT_EQ(driver.Result(reset).fault, Fault::kProtocol);
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionErrors, InABatchOnlyThoseThatWereRefusedAreAskedAgain) {
  ServerSessionDriver driver;
  driver.Submit(Kind::kDebit, "a", 5 * kSecond);
  const auto refused = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
  driver.GetReady();
  ASSERT_EQ(ChecksIn(driver.Sent().at(0)), 2U);
  driver.Receive("*4\r\n:5\r\n:0\r\n:-2\r\n$7\r\nLOADING\r\n");
  EXPECT_EQ(driver.order(), (std::vector<std::uint64_t>{1}));
  driver.Pass(100 * kMillisecond);
  const auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(3), "p:{b}:default:tb1");
  driver.Receive("*2\r\n:5\r\n:0\r\n");
  EXPECT_EQ(driver.Result(refused).fault, Fault::kNone);
}

TEST(ServerSessionErrors, AServerWithTooManyClientsIsAskedAgainLater) {
  ServerSessionDriver driver;
  const auto check = driver.Check("a");
  driver.session.OnConnected(driver.now);
  driver.Sent();
  driver.Receive("-ERR max number of clients reached\r\n");
  EXPECT_EQ(driver.Result(check).fault, Fault::kRefused);
  EXPECT_EQ(driver.Result(check).detail, "ERR max number of clients reached");
  EXPECT_EQ(driver.session.WantedConnection(), 0U);
  driver.Pass(100 * kMillisecond);
  EXPECT_NE(driver.session.WantedConnection(), 0U);
}

TEST(ServerSessionErrors, AServerThatSpeaksAnotherProtocolFromTheBeginningIsSaidTo) {
  ServerSessionDriver driver;
  const auto check = driver.Check("a", std::chrono::seconds(60));
  driver.session.OnConnected(driver.now);
  driver.Receive("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(driver.Result(check).fault, Fault::kProtocol);
  EXPECT_EQ(driver.Result(check).detail,
            "what the server speaks at this port is not Redis' protocol");
}

}  // namespace
}  // namespace sluice::redis
