// A sentinels' router: it finds, verifies and follows the master.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "redis/router_driver.h"

namespace sluice::redis {
namespace {

using Line = RouterDriver::Line;

ServerSet Sentinels() {
  std::vector<Endpoint> sentinels(2);
  for (std::uint16_t i = 0; i < 2; ++i) {
    sentinels[i].host = "s";
    sentinels[i].port = static_cast<std::uint16_t>(101 + i);
  }
  Endpoint node;
  node.database = 3;
  return ServerSet::Sentinel(sentinels, "limits", node);
}

// Sentinels 101 and 102, servers 1 and 2.
class SentinelRouterTest : public ::testing::Test {
 protected:
  std::string Serve(Line& line, const SentCommand& command) {
    const std::uint16_t port = line.port();
    if (command[0] == "SENTINEL") {
      ++queries;
      EXPECT_EQ(command[2], "limits");
      if (named == 0) return "*-1\r\n";
      return "*2\r\n$1\r\nm\r\n$1\r\n" + std::to_string(named) + "\r\n";
    }
    if (command[0] == "SELECT") return "+OK\r\n";
    const bool is_master = port == master;
    if (command[0] == "ROLE") return is_master ? "*1\r\n$6\r\nmaster\r\n" : "*1\r\n$5\r\nslave\r\n";
    if (command[0] == "UNLINK") return ":1\r\n";
    if (!is_master) {
      return "*3\r\n:1\r\n:-2\r\n$8\r\nREADONLY\r\n";
    }
    ++executed[port];
    return FullReply(command);
  }

  void Run() {
    driver.Run([this](Line& line, const SentCommand& command) { return Serve(line, command); },
               [this](std::uint16_t port) { return !down.contains(port); });
  }
  void RunFor(Nanos time) {
    for (Nanos passed{0}; passed < time; passed += 20 * kMillisecond) {
      Run();
      driver.Pass(20 * kMillisecond);
    }
    Run();
  }

  RouterDriver driver{Sentinels()};
  std::uint16_t named = 1;
  std::uint16_t master = 1;
  std::map<std::uint16_t, bool> down;
  std::map<std::uint16_t, int> executed;
  int queries = 0;
};

TEST_F(SentinelRouterTest, TheMasterIsFoundAndUsed) {
  const auto early = driver.Check("a");
  Run();
  EXPECT_EQ(driver.Result(early).fault, Fault::kNone);
  EXPECT_EQ(executed[1], 1);
  ASSERT_EQ(driver.router->members().size(), 1U);
  EXPECT_EQ(driver.router->members()[0].address, "m:1");
}

TEST_F(SentinelRouterTest, AnUnreachableSentinelIsSkipped) {
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{101, 102}) {
    down = {{port, true}};
    RouterDriver another{Sentinels()};
    another.Run([this](Line& line, const SentCommand& command) { return Serve(line, command); },
                [this](std::uint16_t p) { return !down.contains(p); });
    EXPECT_EQ(another.router->members().size(), 1U) << port;
  }
}

TEST_F(SentinelRouterTest, WithoutASentinelChecksFailAtOnce) {
  down = {{101, true}, {102, true}};
  Run();
  EXPECT_EQ(driver.Result(driver.Check("a", kSecond)).fault, Fault::kUnavailable);
  down.clear();
  RunFor(kSecond);
  const auto ticket = driver.Check("a");
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST_F(SentinelRouterTest, AnUnknownMasterIsReported) {
  named = 0;
  Run();
  const Completion answer = driver.Result(driver.Check("a", kSecond));
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
  EXPECT_NE(answer.detail.find("knows no master of that name"), std::string::npos);
}

TEST_F(SentinelRouterTest, AReplicaIsNotUsed) {
  master = 2;
  Run();
  EXPECT_TRUE(driver.router->members().empty());
  EXPECT_EQ(driver.Result(driver.Check("a", kSecond)).fault, Fault::kUnavailable);
  named = 2;
  RunFor(kSecond);
  const auto ticket = driver.Check("a");
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(executed[2], 1);
}

TEST_F(SentinelRouterTest, AFormerMasterIsNotUsedAgain) {
  Run();
  down = {{1, true}};
  driver.Cut(1);
  RunFor(200 * kMillisecond);
  EXPECT_EQ(driver.Result(driver.Check("a", kSecond)).fault, Fault::kUnavailable);
  // It accepts requests again until a sentinel demotes it.
  down.clear();
  named = 2;
  master = 2;
  RunFor(3 * kSecond);
  const auto ticket = driver.Check("b");
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(executed[1], 0);
  EXPECT_EQ(executed[2], 1);
  EXPECT_EQ(driver.router->members().size(), 1U);
}

TEST_F(SentinelRouterTest, AReplacedMasterIsLeftThoughItsConnectionWorks) {
  Run();
  named = 2;
  master = 2;
  RunFor(3 * kSecond);
  const auto ticket = driver.Check("a");
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(executed[2], 1);
}

TEST_F(SentinelRouterTest, RequestsRefusedByADemotedMasterGoToTheNewOne) {
  Run();
  named = 2;
  master = 2;
  const auto ticket = driver.Check("a", kSecond);
  RunFor(200 * kMillisecond);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(executed[2], 1);
}

TEST_F(SentinelRouterTest, AMasterIsKeptWhileNoSentinelAnswers) {
  Run();
  down = {{101, true}, {102, true}};
  RunFor(10 * kSecond);
  const auto ticket = driver.Check("a");
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

}  // namespace
}  // namespace sluice::redis
