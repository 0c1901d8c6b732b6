// The link's reactions to a server's errors.
#include <gtest/gtest.h>

#include <string>

#include "redis/link_driver.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

constexpr Nanos kSecond = std::chrono::seconds(1);

TEST(LinkErrors, WhatTheServerSaysOfItselfOpensTheBreakerAndTheRestIsAskedAgain) {
  for (const char* error : {"LOADING Redis is loading", "BUSY running a script", "CLUSTERDOWN"}) {
    LinkDriver driver;
    driver.GetReady();
    const auto check = driver.Check("a", kSecond);
    const auto debit = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
    driver.Sent();
    const std::uint64_t connection = driver.link.WantedConnection();
    for (int i = 0; i < 2; ++i) driver.Receive("-" + std::string(error) + "\r\n");
    EXPECT_EQ(driver.Answer(check).fault, Fault::kServer) << error;
    EXPECT_EQ(driver.Answer(check).detail, error);
    EXPECT_FALSE(driver.Answered(debit)) << error;
    EXPECT_EQ(driver.Answer(driver.Check("c")).detail, error);
    driver.Pass(100 * kMillisecond);
    EXPECT_EQ(driver.Sent().size(), 1U) << error;  // the debit is the probe
    driver.Receive("*2\r\n:5\r\n:0\r\n");
    EXPECT_EQ(driver.Answer(debit).fault, Fault::kNone) << error;
    EXPECT_EQ(driver.link.stats().breaker, BreakerState::kClosed) << error;
    EXPECT_EQ(driver.link.WantedConnection(), connection) << error;
    EXPECT_EQ(driver.link.stats().retries, 1U);
  }
}

TEST(LinkErrors, AServerThatIsNotTheOneToAskIsLeftOnceItHasAnsweredAll) {
  for (const bool in_script : {false, true}) {
    for (const char* error : {"READONLY replica", "MASTERDOWN", "NOAUTH who are you"}) {
      const std::string text(error);
      const std::string reply =
          in_script ? "*3\r\n:5\r\n:-2\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"
                    : "-" + text + "\r\n";
      LinkDriver driver;
      driver.GetReady();
      const auto check = driver.Check("a", kSecond);
      const auto reset = driver.Submit(Kind::kReset, "b", 5 * kSecond);
      driver.Sent();
      const std::uint64_t connection = driver.link.WantedConnection();
      driver.Receive(reply);
      EXPECT_EQ(driver.Answer(check).fault, Fault::kServer) << error;
      EXPECT_EQ(driver.Answer(check).detail, error);
      EXPECT_EQ(driver.link.WantedConnection(), connection) << "one reply is still to come";
      driver.Receive("-" + text + "\r\n");
      EXPECT_EQ(driver.link.WantedConnection(), 0U) << error;
      EXPECT_FALSE(driver.Answered(reset));
      driver.Pass(100 * kMillisecond);
      driver.GetReady();
      EXPECT_EQ(driver.Sent().at(0).at(0), "UNLINK");
      driver.Receive(":1\r\n");
      EXPECT_EQ(driver.Answer(reset).fault, Fault::kNone) << error;
    }
  }
}

// A replica answers peeks and refuses checks; it is not asked at once for ever.
TEST(LinkErrors, AReplicaIsNotReconnectedToWithoutAPause) {
  LinkDriver driver;
  for (int i = 0; i < 20; ++i) {
    driver.GetReady();
    const auto peek = driver.Submit(Kind::kPeek, "a", kSecond);
    driver.Sent();
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Answer(peek).fault, Fault::kNone);
    driver.Check("b");
    driver.Sent();
    driver.Receive("-READONLY replica\r\n");
    ASSERT_EQ(driver.link.WantedConnection(), 0U);
    while (driver.link.WantedConnection() == 0) driver.Pass(10 * kMillisecond);
  }
}

TEST(LinkErrors, WhatIsNoMatterOfTheServersStateFailsAloneAndAnswersStillCount) {
  for (const char* error : {"OOM used memory", "NOPERM no permissions", "MISCONF", "NOREPLICAS"}) {
    LinkDriver driver;
    driver.GetReady();
    for (int i = 0; i < 10; ++i) {
      const auto check = driver.Check("a");
      const auto debit = driver.Submit(Kind::kDebit, "b", 5 * kSecond);
      driver.Sent();
      for (int j = 0; j < 2; ++j) driver.Receive("-" + std::string(error) + "\r\n");
      EXPECT_EQ(driver.Answer(check).detail, error);
      EXPECT_EQ(driver.Answer(debit).detail, error);
      EXPECT_EQ(driver.link.stats().breaker, BreakerState::kClosed);
    }
  }
}

TEST(LinkErrors, WhereAServerDoesNotSayWhatPermissionIsMissingAHintIsGiven) {
  const std::string vague =
      "ERR The user executing the script can't run this command or subcommand";
  const std::string noise = " script: 47042a35, on @user_script:83.";
  LinkDriver driver;
  driver.GetReady();
  const auto told = [&driver](const std::string& reply) {
    const auto check = driver.Check("a");
    driver.Sent();
    driver.Receive(reply);
    return driver.Answer(check).detail;
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

TEST(LinkErrors, WhoTakesAClustersNodeForAServerAloneIsToldSo) {
  LinkDriver driver;
  driver.GetReady();
  const std::string moved = "MOVED 7 10.0.0.1:6379";
  for (const Kind kind : {Kind::kCheck, Kind::kReset}) {
    const auto ticket = driver.Submit(kind, "a", kSecond);
    driver.Sent();
    driver.Receive("-" + moved + "\r\n");
    EXPECT_EQ(driver.Answer(ticket).fault, Fault::kServer);
    EXPECT_EQ(driver.Answer(ticket).detail,
              moved + " (the server is a node of a cluster: give cluster: true)");
  }
  EXPECT_EQ(driver.link.stats().breaker, BreakerState::kClosed);
}

TEST(LinkErrors, AResetThatIsRefusedFailsAlone) {
  LinkDriver driver;
  driver.GetReady();
  const auto reset = driver.Submit(Kind::kReset, "a", kSecond);
  const auto check = driver.Check("b");
  driver.Sent();
  driver.Receive("-NOPERM no permissions to run 'unlink'\r\n");
  EXPECT_EQ(driver.Answer(reset).fault, Fault::kServer);
  EXPECT_EQ(driver.Answer(reset).detail, "NOPERM no permissions to run 'unlink'");
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Answer(check).fault, Fault::kNone);
}

TEST(LinkErrors, AResetThatIsAnsweredByNonsenseEndsTheConnection) {
  LinkDriver driver;
  driver.GetReady();
  const std::uint64_t connection = driver.link.WantedConnection();
  const auto reset = driver.Submit(Kind::kReset, "a", kSecond);
  driver.Sent();
  driver.Receive("+OK\r\n");
  EXPECT_EQ(driver.Answer(reset).fault, Fault::kProtocol);
  EXPECT_NE(driver.link.WantedConnection(), connection);
}

TEST(LinkErrors, InABatchOnlyThoseThatWereRefusedAreAskedAgain) {
  LinkDriver driver;
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
  EXPECT_EQ(driver.Answer(refused).fault, Fault::kNone);
}

TEST(LinkErrors, AServerWithTooManyClientsIsAskedAgainLater) {
  LinkDriver driver;
  const auto check = driver.Check("a");
  driver.link.OnConnected(driver.now);
  driver.Sent();
  driver.Receive("-ERR max number of clients reached\r\n");
  EXPECT_EQ(driver.Answer(check).fault, Fault::kRefused);
  EXPECT_EQ(driver.Answer(check).detail, "ERR max number of clients reached");
  EXPECT_EQ(driver.link.WantedConnection(), 0U);
  driver.Pass(100 * kMillisecond);
  EXPECT_NE(driver.link.WantedConnection(), 0U);
}

TEST(LinkErrors, AServerThatSpeaksAnotherProtocolFromTheBeginningIsSaidTo) {
  LinkDriver driver;
  const auto check = driver.Check("a", std::chrono::seconds(60));
  driver.link.OnConnected(driver.now);
  driver.Receive("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(driver.Answer(check).fault, Fault::kProtocol);
  EXPECT_EQ(driver.Answer(check).detail,
            "what the server speaks at this port is not Redis' protocol");
}

}  // namespace
}  // namespace sluice::redis
