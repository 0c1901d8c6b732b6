// Servers' answers about other servers: invalid hosts, endless answers, and long ones.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "redis/redirect.h"
#include "redis/reply.h"
#include "redis/router_driver.h"
#include "slot_map.h"

namespace sluice::redis {
namespace {

using Line = RouterDriver::Line;
using Next = SlotTableReader::Next;

const std::string kLongestHost = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                 std::string(63, 'c') + "." + std::string(61, 'd');

// Invalid host names.
std::vector<std::string> NoHosts() {
  return {kLongestHost + "e",
          std::string("a\0b", 3),
          "a b",
          "a\r\nb",
          "a\x1b[31m",
          "caf\xc3\xa9",
          "a/b",
          std::string(900'000, 'x').substr(0, 60'000)};
}

std::string Text(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string Node(const std::string& host, int port) {
  return "*2\r\n" + Text(host) + ":" + std::to_string(port) + "\r\n";
}

bool AllUp(std::uint16_t /*port*/) { return true; }

// ---- Hosts

TEST(Hosts, AreNamesAndAddresses) {
  for (const std::string& host :
       {std::string("h"), std::string("10.0.0.1"), std::string("::1"), std::string("fe80::1%eth0"),
        std::string("redis_1.local"), kLongestHost}) {
    EXPECT_TRUE(IsHost(host)) << host;
    EXPECT_EQ(ReadRedirect("MOVED 1 " + host + ":7")->host, host);
  }
  EXPECT_FALSE(IsHost(""));
  for (const std::string& host : NoHosts()) {
    EXPECT_FALSE(IsHost(host));
    if (host.find_first_of(" \r") == std::string::npos) {
      EXPECT_FALSE(ReadRedirect("MOVED 1 " + host + ":7"));
      EXPECT_FALSE(ReadRedirect("ASK 1 " + host + ":7"));
    }
  }
}

// A cluster of node 1, which sends all requests to `host`, port 2.
class Moved {
 public:
  explicit Moved(std::string redirect) : redirect_(std::move(redirect)) {}

  Completion Check() {
    const auto serve = [this](Line& line, const SentCommand& command) -> std::string {
      if (command[0] == "CLUSTER") return SlotsReply({{0, 16383, "h", 1}});
      if (line.port() == 2) {
        host = line.protocol->endpoint().host;
        return FullReply(command);
      }
      return "-" + redirect_ + "\r\n";
    };
    driver_.Run(serve, AllUp);
    const auto ticket = driver_.Check("a", std::chrono::seconds(1));
    driver_.Run(serve, AllUp);
    return driver_.Result(ticket);
  }

  std::string host;  // of the node at port 2 that was asked

 private:
  const std::string redirect_;
  RouterDriver driver_{ClusterOf(1)};
};

TEST(Hosts, ARedirectionToTheLongestNameIsFollowed) {
  for (const char* kind : {"MOVED", "ASK"}) {
    Moved moved(kind + std::string(" 15495 ") + kLongestHost + ":2");
    EXPECT_EQ(moved.Check().fault, Fault::kNone) << kind;
    EXPECT_EQ(moved.host, kLongestHost) << kind;
  }
}

TEST(Hosts, ARedirectionWithoutAHostIsAShortPrintableError) {
  for (const std::string& host : NoHosts()) {
    if (host.find_first_of(" \r") != std::string::npos) continue;  // not part of a valid line
    Moved moved("MOVED 15495 " + host + ":2");
    const Completion answer = moved.Check();
    EXPECT_EQ(answer.fault, Fault::kServer);
    EXPECT_LE(answer.detail.size(), 600U);
    EXPECT_TRUE(std::ranges::all_of(answer.detail, [](unsigned char c) { return c >= 0x20; }));
    EXPECT_EQ(moved.host, "");
  }
}

// ---- A cluster's slots

std::string SlotsOf(const std::vector<std::string>& ranges) {
  std::string reply = "*" + std::to_string(ranges.size()) + "\r\n";
  for (const std::string& range : ranges) reply += range;
  return reply;
}

std::string Range(int first, int last, const std::vector<std::string>& nodes) {
  std::string range = "*" + std::to_string(2 + nodes.size()) + "\r\n:" + std::to_string(first) +
                      "\r\n:" + std::to_string(last) + "\r\n";
  for (const std::string& node : nodes) range += node;
  return range;
}

// Numbered hosts.
std::string HostOf(int i) { return "n" + std::to_string(i); }

// The error of a check after node 1 answered CLUSTER SLOTS with `reply`.
std::string FaultOf(const std::string& reply, std::size_t members = 0) {
  RouterDriver driver(ClusterOf(1));
  const auto serve = [&](Line& /*line*/, const SentCommand& command) {
    return command[0] == "CLUSTER" ? reply : FullReply(command);
  };
  for (int i = 0; i < 400; ++i) driver.Run(serve, AllUp);
  EXPECT_EQ(driver.router->members().size(), members);
  const auto ticket = driver.Check("a");
  driver.Run(serve, AllUp);
  return driver.Result(ticket).detail;
}

constexpr std::string_view kTooLong = "h:1: the server's reply is too long for its command";

TEST(Topology, TooManyMastersAreRefused) {
  std::vector<std::string> ranges;
  for (int i = 0; i < 1024; ++i) ranges.push_back(Range(i, i, {Node(HostOf(i), 1)}));
  ranges.back() = Range(1023, 16383, {Node(HostOf(1023), 1)});
  EXPECT_EQ(FaultOf(SlotsOf(ranges), 1024), "");
  ranges.back() = Range(1023, 1023, {Node(HostOf(1023), 1)});
  ranges.push_back(Range(1024, 16383, {Node(HostOf(1024), 1)}));
  EXPECT_EQ(FaultOf(SlotsOf(ranges)), "h:1: the server's answer names more than 1024 masters");
}

TEST(Topology, TooManyReplicasAreRefused) {
  std::vector<std::string> nodes{Node("h", 1)};
  for (int i = 0; i < 4096; ++i) nodes.push_back(Node(HostOf(i), 1));
  EXPECT_EQ(FaultOf(SlotsOf({Range(0, 16383, nodes)}), 1), "");
  nodes.push_back(Node(HostOf(4096), 1));
  EXPECT_EQ(FaultOf(SlotsOf({Range(0, 16383, nodes)})),
            "h:1: the server's answer names more than 4096 replicas");
  for (int i = 4097; i < 20'000; ++i) nodes.push_back(Node(HostOf(i), 1));
  EXPECT_EQ(FaultOf(SlotsOf({Range(0, 16383, nodes)})), kTooLong);
}

TEST(Topology, ReplicasOfSeveralRangesCountOnce) {
  std::vector<std::string> ranges;
  for (int i = 0; i < 8192; ++i) {
    ranges.push_back(Range(2 * i, 2 * i + 1, {Node("h", 1), Node("h", 2), Node("h", 3)}));
  }
  EXPECT_EQ(FaultOf(SlotsOf(ranges), 1), "");
}

TEST(Topology, ASlotIsInOneRange) {
  EXPECT_EQ(FaultOf(SlotsOf({Range(0, 16383, {Node("h", 1)}), Range(5, 5, {Node("h", 2)})})),
            "h:1: the server's answer names slots twice");
  EXPECT_EQ(FaultOf(SlotsOf(std::vector(65'536, Range(5, 5, {Node("h", 1)})))), kTooLong);
}

TEST(Topology, AMasterHasAHost) {
  for (const std::string& host : NoHosts()) {
    EXPECT_EQ(FaultOf(SlotsOf({Range(0, 16383, {Node(host, 1)})})),
              "h:1: the server's answer has an invalid host or port of a node");
  }
}

TEST(Topology, AReplicaWithoutAHostIsSkipped) {
  for (const std::string& host : NoHosts()) {
    EXPECT_EQ(FaultOf(SlotsOf({Range(0, 16383, {Node("h", 1), Node(host, 1)})}), 1), "");
  }
}

// A separate range for each slot, with three nodes that have ids and long hostnames.
std::string ScatteredSlots() {
  const auto node = [](int i) {
    return "*4\r\n" + Text("10.0.0." + std::to_string(i)) + ":6379\r\n" +
           Text(std::string(40, 'f')) + "*2\r\n" + Text("hostname") +
           Text("node-" + std::to_string(i) + "." + std::string(40, 'd') + ".example.com");
  };
  std::vector<std::string> ranges;
  for (int i = 0; i < 16384; ++i) {
    ranges.push_back(Range(i, i, {node(i % 3), node(i % 3 + 3), node(i % 3 + 6)}));
  }
  return SlotsOf(ranges);
}

TEST(Topology, TheLongestValidTableIsAccepted) { EXPECT_EQ(FaultOf(ScatteredSlots(), 3), ""); }

TEST(Topology, ALongTableIsReadInManyTurnsWithChecksBetween) {
  RouterDriver driver(ClusterOf(1));
  bool scattered = false;
  const auto serve = [&](Line& /*line*/, const SentCommand& command) {
    if (command[0] != "CLUSTER") return FullReply(command);
    return scattered ? ScatteredSlots() : SlotsReply({{0, 16383, "h", 1}});
  };
  driver.Run(serve, AllUp);
  ASSERT_EQ(driver.router->members().size(), 1U);
  scattered = true;
  driver.Cut(1);
  driver.Pass(15 * kMillisecond);
  // The connection is back, and its node is asked for the slots.
  for (int i = 0; i < 10 && driver.router->NextTime() > driver.now; ++i) {
    driver.Follow(AllUp);
    for (std::size_t j = 0; j < driver.lines.size(); ++j) driver.Hear(*driver.lines[j], serve);
    for (std::size_t j = 0; j < driver.lines.size(); ++j) {
      driver.Say(*driver.lines[j], std::string::npos);
    }
  }
  int answered = 0;
  int turns = 0;
  for (; driver.router->members().size() == 1 && turns < 1000; ++turns) {
    EXPECT_LE(driver.router->NextTime(), driver.now) << "the rest waits for something else";
    const auto ticket = driver.Check("a");
    for (const auto& line : driver.lines) {
      driver.Hear(*line, serve);
      driver.Say(*line, std::string::npos);
    }
    answered += driver.Answered(ticket) ? 1 : 0;
    driver.router->OnTime(driver.now);
  }
  EXPECT_GE(turns, 5);
  EXPECT_EQ(answered, turns);
  EXPECT_EQ(driver.router->members().size(), 4U);
  EXPECT_GT(driver.router->NextTime(), driver.now);
}

// ---- Sentinels

std::string SentinelFault(const std::string& address) {
  Endpoint sentinel;
  sentinel.host = "s";
  sentinel.port = 1;
  RouterDriver driver(ServerSet::Sentinel({sentinel}, "m", {}));
  const auto serve = [&](Line& /*line*/, const SentCommand& command) {
    if (command[0] == "SENTINEL") return address;
    return command[0] == "ROLE" ? std::string("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
                                : FullReply(command);
  };
  driver.Run(serve, AllUp);
  const auto ticket = driver.Check("a");
  driver.Run(serve, AllUp);
  return driver.Result(ticket).detail;
}

TEST(Topology, ASentinelNamesAHost) {
  EXPECT_EQ(SentinelFault("*2\r\n" + Text(kLongestHost) + Text("7")), "");
  for (const std::string& host : NoHosts()) {
    EXPECT_EQ(SentinelFault("*2\r\n" + Text(host) + Text("7")),
              "s:1: the sentinel gave no host and port as the master's address");
  }
  EXPECT_EQ(SentinelFault("*2000\r\n"), "s:1: the server's reply is too long for its command");
}

}  // namespace
}  // namespace sluice::redis
