// OneShotCommands to servers, and the readers of their replies.
#include "redis/topology_query.h"

#include <gtest/gtest.h>

#include <string>

#include "redis/redirect.h"
#include "redis/reply.h"
#include "redis/server_session_driver.h"
#include "slot_map.h"

namespace sluice::redis {
namespace {

Endpoint At(std::uint16_t port) {
  Endpoint endpoint;
  endpoint.host = "h";
  endpoint.port = port;
  return endpoint;
}

TEST(TopologyQuery, ASilentServerDoesNotDelayTheNext) {
  TopologyQuery query({});
  Nanos now{1};
  query.Start({At(1), At(2), At(3), At(4), At(5)}, {"ROLE"}, now);
  EXPECT_EQ(query.attempts().size(), 1U);
  for (int i = 0; i < 10; ++i) {
    now += 150 * kMillisecond / 2;
    EXPECT_FALSE(query.Advance(now));
  }
  EXPECT_EQ(query.attempts().size(), 3U) << "more at a time than allowed";
  query.attempts()[1]->OnConnected(now);
  query.attempts()[1]->OnBytes("+one\r\n", now);
  const auto answer = query.Advance(now);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->from.port, 2);
  EXPECT_EQ(answer->reply.text, "one");
}

TEST(TopologyQuery, EndsAfterAllServersFailed) {
  TopologyQuery query({});
  query.Start({At(1), At(2)}, {"ROLE"}, Nanos{1});
  query.attempts()[0]->OnLost("refused", Nanos{2});
  EXPECT_FALSE(query.Advance(Nanos{2}));
  ASSERT_TRUE(query.running());
  query.attempts()[0]->OnConnected(Nanos{3});
  query.attempts()[0]->OnBytes("-NOPERM this user has no permissions\r\n", Nanos{3});
  EXPECT_FALSE(query.Advance(Nanos{3}));
  EXPECT_FALSE(query.running());
  EXPECT_EQ(query.why(), "h:2: NOPERM this user has no permissions");
}

TEST(OneShotCommand, AuthenticatesAndDoesNotQuoteCredentials) {
  Endpoint endpoint = At(1);
  endpoint.user = "me";
  endpoint.password = "hunter2";
  OneShotCommand command(endpoint, {"ROLE"}, std::chrono::seconds(1), Nanos{0});
  command.OnConnected(Nanos{1});
  const auto commands = ParseCommands(command.Output());
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands[0], (SentCommand{"AUTH", "me", "hunter2"}));
  command.OnBytes("-WRONGPASS hunter2 is wrong\r\n", Nanos{1});
  ASSERT_TRUE(command.done());
  EXPECT_EQ(command.answer().why.find("hunter2"), std::string::npos);
  EXPECT_EQ(command.WantedConnection(), 0U);
}

TEST(OneShotCommand, EndsAfterItsTimeout) {
  OneShotCommand command(At(1), {"ROLE"}, std::chrono::seconds(1), Nanos{0});
  command.OnStage("the host's name has not been resolved");
  command.OnTime(std::chrono::milliseconds(999));
  EXPECT_FALSE(command.done());
  command.OnTime(command.NextTime());
  EXPECT_EQ(command.answer().why,
            "h:1: connecting took too long: the host's name has not been resolved");
}

std::optional<SlotTable> Table(std::string_view bytes) {
  ReplyReader reader;
  Reply tree;
  EXPECT_TRUE(reader.Feed(bytes));
  EXPECT_EQ(reader.Take(tree, {}), ReplyReader::Next::kReply);
  SlotTableReader slots(std::move(tree), "asked");
  SlotTableReader::Next next = SlotTableReader::Next::kMore;
  while (next == SlotTableReader::Next::kMore) next = slots.Read(1);
  EXPECT_EQ(slots.why().empty(), next == SlotTableReader::Next::kDone);
  if (next == SlotTableReader::Next::kBroken) return std::nullopt;
  return std::move(slots.table());
}

TEST(SlotTable, ANodeWithoutANameIsTheHostOfTheReply) {
  const auto table = Table(
      "*2\r\n"
      "*4\r\n:0\r\n:99\r\n*4\r\n$1\r\na\r\n:1\r\n$2\r\nid\r\n*0\r\n*3\r\n$0\r\n\r\n:2\r\n$"
      "2\r\nid\r\n"
      "*3\r\n:100\r\n:16383\r\n*3\r\n$-1\r\n:3\r\n$2\r\nid\r\n");
  ASSERT_TRUE(table);
  ASSERT_EQ(table->ranges.size(), 2U);
  EXPECT_EQ(table->ranges[0].master, (NodeAddress{"a", 1}));
  EXPECT_EQ(table->ranges[1].master, (NodeAddress{"asked", 3}));
  EXPECT_EQ(table->ranges[1].last, 16383);
  ASSERT_EQ(table->replicas.size(), 1U);
  EXPECT_EQ(table->replicas[0], (NodeAddress{"asked", 2}));
}

TEST(SlotTable, RefusesOtherReplies) {
  for (const char* bytes : {"*0\r\n", "+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n",
                            "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
                            "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n",
                            "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n$1\r\na\r\n:0\r\n",
                            "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n:7\r\n:1\r\n"}) {
    EXPECT_FALSE(Table(bytes)) << bytes;
  }
}

TEST(Redirect, IsReadInAllItsForms) {
  const auto moved = ReadRedirect("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->kind, Redirect::Kind::kMoved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->host, "127.0.0.1");
  EXPECT_EQ(moved->port, 6381);
  EXPECT_EQ(ReadRedirect("ASK 1 ::1:6381")->host, "::1");
  EXPECT_EQ(ReadRedirect("MOVED 1 :6381")->host, "");
  EXPECT_EQ(ReadRedirect("MOVED 1 ?:6381")->host, "");
  for (const char* again : {"TRYAGAIN Multiple keys request during rehashing of slot",
                            "CLUSTERDOWN Hash slot not served",
                            "ERR Script attempted to access a non local key in a cluster node"}) {
    ASSERT_TRUE(ReadRedirect(again)) << again;
    EXPECT_EQ(ReadRedirect(again)->kind, Redirect::Kind::kTryAgain);
  }
  for (const char* other :
       {"CLUSTERDOWN The cluster is down", "MOVED", "MOVED 1", "MOVED 1 h", "MOVED 1 h:0",
        "MOVED 1 h:70000", "MOVED 16384 h:1", "MOVED x h:1", "OOM", "moved 1 h:1", ""}) {
    EXPECT_FALSE(ReadRedirect(other)) << other;
  }
}

}  // namespace
}  // namespace sluice::redis
