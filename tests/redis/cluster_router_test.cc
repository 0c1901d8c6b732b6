// A cluster's router: the node of each request, redirections and failures.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "redis/router_driver.h"
#include "redis/slot.h"

namespace sluice::redis {
namespace {

using Line = RouterDriver::Line;

// Nodes 1 to 3 with a third of the slots each. Records the commands to each node.
class ClusterRouterTest : public ::testing::Test {
 protected:
  std::string Serve(Line& line, const SentCommand& command) {
    const std::uint16_t port = line.port();
    if (command[0] == "CLUSTER") {
      ++queries;
      if (owners.size() == 1) return SlotsReply({{0, 5460, "h", owners[0]}});
      return SlotsReply({{0, 5460, "h", owners[0]},
                         {5461, 10922, "h", owners[1]},
                         {10923, 16383, "", owners[2]}});
    }
    asked[port].push_back(command);
    const auto error = errors.find(port);
    if (error != errors.end()) {
      const std::string said = error->second(line, command);
      if (!said.empty()) return "-" + said + "\r\n";
    }
    if (command[0] == "UNLINK") return ":1\r\n";
    executed += std::stoi(command[2]);
    return FullReply(command);
  }

  void Run() {
    driver.Run([this](Line& line, const SentCommand& command) { return Serve(line, command); },
               [this](std::uint16_t port) { return !down.contains(port); });
  }

  // A key in the third of the slots that node `third` (0 to 2) has at first.
  static std::string KeyIn(int third, int skip = 0) {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      const int slot = SlotOfTag(key);
      const int of = slot <= 5460 ? 0 : slot <= 10922 ? 1 : 2;
      if (of == third && skip-- == 0) return key;
    }
  }
  static std::string SlotText(const std::string& key) { return std::to_string(SlotOfTag(key)); }

  // Where the table names no host, it means the host of the reply: "h" for all.
  RouterDriver driver{ClusterOf(1)};
  std::vector<std::uint16_t> owners{1, 2, 1};
  std::map<std::uint16_t, bool> down;
  std::map<std::uint16_t, std::function<std::string(Line&, const SentCommand&)>> errors;
  std::map<std::uint16_t, std::vector<SentCommand>> asked;
  int queries = 0;
  int executed = 0;
};

TEST_F(ClusterRouterTest, EachRequestGoesToTheNodeOfItsSlot) {
  owners = {1, 2, 3};
  Run();
  std::vector<std::uint64_t> tickets;
  for (int third = 0; third < 3; ++third) tickets.push_back(driver.Check(KeyIn(third)));
  Run();
  for (int third = 0; third < 3; ++third) {
    EXPECT_EQ(driver.Result(tickets[static_cast<std::size_t>(third)]).fault, Fault::kNone);
    const auto& commands = asked[static_cast<std::uint16_t>(third + 1)];
    ASSERT_EQ(commands.size(), 1U);
    EXPECT_EQ(TagOf(commands[0][3]), KeyIn(third));
  }
  EXPECT_EQ(driver.router->members().size(), 3U);
}

TEST_F(ClusterRouterTest, RequestsWaitForTheTable) {
  const auto ticket = driver.Check(KeyIn(1));
  EXPECT_FALSE(driver.Answered(ticket));
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST_F(ClusterRouterTest, WithoutANodeChecksFailAtOnceAndOtherRequestsWait) {
  down = {{1, true}};
  const auto first = driver.Check("a", kSecond);
  Run();
  EXPECT_EQ(driver.Result(first).fault, Fault::kUnavailable);
  EXPECT_NE(driver.Result(first).detail.find("refused"), std::string::npos);
  EXPECT_EQ(driver.Result(driver.Check("b", kSecond)).fault, Fault::kUnavailable);
  const auto waits = driver.Submit(Request::Kind::kReset, "c", 5 * kSecond);
  EXPECT_FALSE(driver.Answered(waits));
  down.clear();
  for (int i = 0; i < 20 && !driver.Answered(waits); ++i) {
    driver.Pass(100 * kMillisecond);
    Run();
  }
  EXPECT_EQ(driver.Result(waits).fault, Fault::kNone);
  EXPECT_EQ(driver.router->others().faults, 2U);
}

TEST_F(ClusterRouterTest, ABatchIsOneCommandForEachSlotAndIsWrittenAtOnce) {
  owners = {1, 1, 1};
  Run();
  const std::string a = KeyIn(0, 0);
  const std::string b = KeyIn(0, 1);
  // Two leave at once; the others wait.
  driver.Check("x");
  driver.Check("y");
  for (const std::string& key : {a, b, a, b, a}) driver.Check(key);
  Run();
  std::vector<std::string> sizes;
  for (const SentCommand& command : asked[1]) sizes.push_back(TagOf(command[3]) + command[2]);
  ASSERT_EQ(sizes.size(), 4U);
  const bool a_first = SlotOfTag(a) < SlotOfTag(b);
  EXPECT_EQ(sizes[2], a_first ? a + "3" : b + "2");
  EXPECT_EQ(sizes[3], a_first ? b + "2" : a + "3");
}

TEST_F(ClusterRouterTest, MovedIsFollowedAtOnceAndRefreshesTheTable) {
  Run();
  const int before = queries;
  const std::string key = KeyIn(0);
  errors[1] = [&](Line&, const SentCommand&) { return "MOVED " + SlotText(key) + " h:3"; };
  const auto ticket = driver.Check(key);
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(asked[3].size(), 1U);
  const auto next = driver.Check(key);
  Run();
  EXPECT_EQ(driver.Result(next).fault, Fault::kNone);
  EXPECT_EQ(asked[1].size(), 1U) << "asked the former owner again";
  owners = {3, 2, 1};
  driver.Pass(kSecond);
  Run();
  EXPECT_GT(queries, before);
  EXPECT_EQ(executed, 2);
}

TEST_F(ClusterRouterTest, AResetFollowsItsMovedSlot) {
  Run();
  const std::string key = KeyIn(0);
  errors[1] = [&](Line&, const SentCommand&) { return "MOVED " + SlotText(key) + " h:3"; };
  const auto ticket = driver.Submit(Request::Kind::kReset, key, kSecond);
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  ASSERT_EQ(asked[3].size(), 1U);
  EXPECT_EQ(asked[3][0].at(0), "UNLINK");
}

TEST_F(ClusterRouterTest, MovedWithoutAHostMeansTheHostOfTheReply) {
  Run();
  errors[1] = [&](Line&, const SentCommand&) { return "MOVED " + SlotText(KeyIn(0)) + " :2"; };
  const auto ticket = driver.Check(KeyIn(0));
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(asked[2].size(), 1U);
}

TEST_F(ClusterRouterTest, ALoopOfRedirectionsEnds) {
  Run();
  const std::string key = KeyIn(0);
  errors[1] = [&](Line&, const SentCommand&) { return "MOVED " + SlotText(key) + " h:2"; };
  errors[2] = [&](Line&, const SentCommand&) { return "MOVED " + SlotText(key) + " h:1"; };
  const auto ticket = driver.Check(key, 10 * kSecond);
  for (int i = 0; i < 100 && !driver.Answered(ticket); ++i) {
    Run();
    driver.Pass(20 * kMillisecond);
  }
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kServer);
  EXPECT_EQ(asked[1].size() + asked[2].size(), 17U);
}

TEST_F(ClusterRouterTest, AskSendsABatchsRequestsOneByOneAndMissingKeysToTheOtherNode) {
  owners = {1, 1, 1};
  Run();
  const std::string key = KeyIn(0);
  int here = 1;  // the number of keys that are still at the first node
  errors[1] = [&](Line&, const SentCommand& command) {
    if (TagOf(command[3]) != key || (command[2] == "1" && here-- > 0)) return std::string();
    return "ASK " + SlotText(key) + " h:3";
  };
  std::vector<bool> asking;
  errors[3] = [&](Line& line, const SentCommand&) {
    asking.push_back(line.asking);
    return std::string();
  };
  driver.Check("x");
  driver.Check("y");
  std::vector<std::uint64_t> tickets;
  for (int i = 0; i < 3; ++i) tickets.push_back(driver.Check(key));
  Run();
  for (const auto ticket : tickets) EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  // The batch of three, then each request alone.
  EXPECT_EQ(asked[1].size(), 2U + 1 + 3);
  EXPECT_EQ(asking, std::vector<bool>(2, true));
  for (const SentCommand& command : asked[3]) EXPECT_EQ(command[2], "1");
  // The slot has not moved.
  driver.Check(key);
  Run();
  EXPECT_EQ(asked[1].size(), 2U + 1 + 3 + 1);
}

// Otherwise the request would go back and forth between the nodes until its deadline.
TEST_F(ClusterRouterTest, ARefusalOfAskingFailsTheRequestWithAReason) {
  Run();
  const std::string key = KeyIn(0);
  driver.refuses_asking = true;
  errors[1] = [&](Line&, const SentCommand&) { return "ASK " + SlotText(key) + " h:3"; };
  errors[3] = [&](Line& line, const SentCommand&) {
    return line.asking ? std::string() : "MOVED " + SlotText(key) + " h:1";
  };
  const auto ticket = driver.Check(key);
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kServer);
  EXPECT_EQ(driver.Result(ticket).detail, "h:3: NOPERM may not run 'asking'");
  EXPECT_EQ(asked[3].size(), 1U);
  // Later requests on the same connection are not affected.
  errors[1] = [&](Line&, const SentCommand&) { return "MOVED " + SlotText(key) + " h:3"; };
  errors[3] = [](Line&, const SentCommand&) { return "TRYAGAIN wait"; };
  const auto next = driver.Check(key);
  Run();
  errors.clear();
  driver.Pass(20 * kMillisecond);
  Run();
  EXPECT_EQ(driver.Result(next).fault, Fault::kNone);
}

TEST_F(ClusterRouterTest, TryagainIsRetriedUntilTheDeadline) {
  owners = {1, 1, 1};
  Run();
  bool moving = true;
  errors[1] = [&](Line&, const SentCommand&) { return moving ? "TRYAGAIN wait" : ""; };
  const auto late = driver.Check("a", 100 * kMillisecond, 2);
  const auto patient = driver.Check("a", kSecond, 2);
  for (int i = 0; i < 30; ++i) {
    Run();
    driver.Pass(10 * kMillisecond);
  }
  EXPECT_EQ(driver.Result(late).fault, Fault::kTimeout);
  EXPECT_FALSE(driver.Answered(patient));
  EXPECT_GT(asked[1].size(), 20U);
  EXPECT_LT(asked[1].size(), 200U);
  moving = false;
  driver.Pass(20 * kMillisecond);
  Run();
  EXPECT_EQ(driver.Result(patient).fault, Fault::kNone);
}

TEST_F(ClusterRouterTest, KeysInDifferentSlotsAreRefused) {
  Run();
  Request request = driver.Make(Request::Kind::kCheck, "", kSecond);
  request.set = Buckets(2);
  request.keys =
      std::make_shared<KeyList>(KeyList{.each = {EscapedKey(KeyIn(0)), EscapedKey(KeyIn(1))}});
  const auto ticket = driver.Submit(std::move(request));
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kCrossSlot);
}

TEST_F(ClusterRouterTest, AnUnreachableNodeFailsOnlyItsOwnSlots) {
  owners = {1, 2, 1};
  Run();
  down = {{2, true}};
  driver.Cut(2);
  Run();
  EXPECT_EQ(driver.Result(driver.Check(KeyIn(1))).fault, Fault::kUnavailable);
  const auto ticket = driver.Check(KeyIn(0));
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST_F(ClusterRouterTest, AfterAFailoverUnwrittenRequestsGoToTheNewMaster) {
  owners = {1, 2, 1};
  Run();
  down = {{2, true}};
  driver.Cut(2);
  Run();
  const auto waits = driver.Submit(Request::Kind::kReset, KeyIn(1), 5 * kSecond);
  owners = {1, 3, 1};
  for (int i = 0; i < 30 && !driver.Answered(waits); ++i) {
    driver.Pass(50 * kMillisecond);
    Run();
  }
  EXPECT_EQ(driver.Result(waits).fault, Fault::kNone);
  const auto ticket = driver.Check(KeyIn(1));
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_GE(asked[3].size(), 2U);
  // The router drops the dead node, and its open breaker with it.
  std::vector<BreakerState> states;
  for (int i = 0; i < 100; ++i) {
    driver.Pass(100 * kMillisecond);
    Run();
    for (const Router::News& news : driver.router->TakeNews(Nanos{0})) {
      if (news.address != "h:2") continue;
      states.insert(states.end(), news.states.begin(), news.states.end());
    }
  }
  EXPECT_EQ(driver.router->members().size(), 2U);
  ASSERT_GE(states.size(), 2U);
  EXPECT_EQ(states.front(), BreakerState::kOpen);
  EXPECT_EQ(states.back(), BreakerState::kClosed);
}

TEST_F(ClusterRouterTest, AnUnassignedSlotDoesNotRefreshTheTableForEachCheck) {
  owners = {1};
  Run();
  queries = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(driver.Result(driver.Check(KeyIn(1))).fault, Fault::kServer);
    driver.Pass(10 * kMillisecond);
    Run();
  }
  EXPECT_LE(queries, 10);
  // The router finds the slot once a node has it.
  owners = {1, 2, 1};
  driver.Check(KeyIn(1));
  driver.Pass(250 * kMillisecond);
  Run();
  const auto ticket = driver.Check(KeyIn(1));
  Run();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST_F(ClusterRouterTest, AServerOutsideOfAClusterIsReported) {
  driver.Run(
      [](Line&, const SentCommand&) {
        return "-ERR This instance has cluster support "
               "disabled\r\n";
      },
      [](std::uint16_t) { return true; });
  const Completion answer = driver.Result(driver.Check("a"));
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
  EXPECT_EQ(answer.detail, "h:1: ERR This instance has cluster support disabled");
}

TEST_F(ClusterRouterTest, ATableWithoutSlotsIsIgnored) {
  driver.Run([](Line&, const SentCommand&) { return "*0\r\n"; },
             [](std::uint16_t) { return true; });
  const Completion answer = driver.Result(driver.Check("a"));
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
  EXPECT_EQ(answer.detail, "h:1: the server's answer names no slots of a cluster");
}

// By count, not by time: each wake-up of the I/O thread ends with these calls.
TEST_F(ClusterRouterTest, ARequestCausesWorkOnlyForItsNode) {
  constexpr int kNodes = 1024;
  constexpr int kSlotsEach = kSlots / kNodes;
  std::vector<ModelRange> ranges;
  for (int i = 0; i < kNodes; ++i) {
    ranges.push_back(
        {i * kSlotsEach, (i + 1) * kSlotsEach - 1, "h", static_cast<std::uint16_t>(i + 1)});
  }
  const auto serve = [&](Line&, const SentCommand& command) {
    return command[0] == "CLUSTER" ? SlotsReply(ranges) : FullReply(command);
  };
  driver.Run(serve, [](std::uint16_t) { return true; });
  Router& router = *driver.router;
  ASSERT_EQ(router.members().size(), std::size_t{kNodes});
  router.TakeNews(Nanos{0});
  router.TakeChangedMembers();
  router.NextTime();

  const std::uint64_t before = router.looks();
  const auto ticket = driver.Check("k");
  EXPECT_EQ(router.requests_in_flight(), 1U);
  for (auto& line : driver.lines) {
    if (line->port() != SlotOfTag("k") / kSlotsEach + 1) continue;
    driver.Hear(*line, serve);
    driver.Say(*line, std::string::npos);
  }
  driver.Advance();
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(router.requests_in_flight(), 0U);
  EXPECT_TRUE(router.TakeNews(Nanos{0}).empty());
  EXPECT_EQ(router.TakeChangedMembers().size(), 1U);
  router.NextTime();
  EXPECT_LE(router.looks() - before, 2U);
}

}  // namespace
}  // namespace sluice::redis
