// Errors and nonsense from a server.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

using Kind = Request::Kind;

TEST(ServerSessionErrors, NonsenseFailsTheBatchAndDropsTheConnection) {
  for (const char* nonsense : {"*3\r\n:1\r\n:0\r\n:0\r\n", ":1\r\n", "*2\r\n:1\r\n:-7\r\n",
                               "*1\r\n*1\r\n:0\r\n", "HTTP/1.1 400\r\n", "*99999999\r\n"}) {
    ReadySession driver;
    const auto a = driver.Check("a");
    driver.Sent();
    const std::uint64_t connection = driver.session.WantedConnection();
    driver.Receive(nonsense);
    EXPECT_NE(driver.Result(a).fault, Fault::kNone) << nonsense;
    EXPECT_NE(driver.session.WantedConnection(), connection) << nonsense;
  }
}

TEST(ServerSessionErrors, AReplyWithoutACommandDropsTheConnection) {
  ReadySession driver;
  const std::uint64_t connection = driver.session.WantedConnection();
  driver.Receive("*2\r\n:1\r\n:0\r\n");
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionErrors, NonsenseForAResetDropsTheConnection) {
  ReadySession driver;
  const std::uint64_t connection = driver.session.WantedConnection();
  const auto reset = driver.Submit(Kind::kReset, "a", kSecond);
  driver.Sent();
  driver.Receive("+OK\r\n");
  EXPECT_EQ(driver.Result(reset).fault, Fault::kProtocol);
  EXPECT_NE(driver.session.WantedConnection(), connection);
}

TEST(ServerSessionErrors, TheWrongServerIsLeftAfterItsLastReply) {
  for (const bool in_script : {false, true}) {
    for (const char* error : {"READONLY replica", "MASTERDOWN", "NOAUTH who are you"}) {
      const std::string text(error);
      const std::string reply =
          in_script ? "*3\r\n:5\r\n:-2\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"
                    : "-" + text + "\r\n";
      ReadySession driver;
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

// A replica answers peeks and refuses checks.
TEST(ServerSessionErrors, AReplicaIsReconnectedToAfterAPause) {
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

TEST(ServerSessionErrors, ARedirectionOutsideOfAClusterGivesAHint) {
  ReadySession driver;
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

TEST(ServerSessionErrors, AServerWithTooManyClientsIsTriedAgainLater) {
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

TEST(ServerSessionErrors, AnotherProtocolIsReported) {
  ServerSessionDriver driver;
  const auto check = driver.Check("a", std::chrono::seconds(60));
  driver.session.OnConnected(driver.now);
  driver.Receive("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(driver.Result(check).fault, Fault::kProtocol);
  EXPECT_EQ(driver.Result(check).detail,
            "the server at this port does not speak the Redis protocol");
}

TEST(ServerSessionErrors, ABatchOfSeveralSlotsIsOneFailureThoughItsCommandsExpireOneByOne) {
  ServerSession::Options options;
  options.by_slot = true;
  ReadySession driver(options);
  std::vector<Request> requests;
  // The order of the slots is not that of the deadlines.
  for (const int timeout : {80, 60, 100}) {
    requests.push_back(driver.Make(Request::Kind::kCheck, "k", timeout * kMillisecond));
    requests.back().route.slot = static_cast<std::uint16_t>(requests.size());
  }
  const std::uint64_t last = requests.back().ticket;
  driver.SubmitAll(requests);
  ASSERT_EQ(driver.Sent().size(), 3U);
  for (int i = 0; i < 10; ++i) driver.Pass(10 * kMillisecond);
  EXPECT_EQ(driver.Result(last).fault, Fault::kTimeout);
  EXPECT_EQ(driver.breaker(), BreakerState::kClosed);
  driver.Check("next");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  EXPECT_EQ(driver.breaker(), BreakerState::kOpen);
}

}  // namespace
}  // namespace sluice::redis
