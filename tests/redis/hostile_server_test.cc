// Malicious servers, or servers with another protocol: bounds of memory, and texts for people.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "printable.h"
#include "redis/error_reply.h"
#include "redis/reply.h"
#include "redis/request_rules.h"
#include "redis/script.h"
#include "redis/server_session_driver.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

using Next = ReplyReader::Next;

constexpr std::string_view kTooLong = "the server's reply is longer than one to its command can be";

// ---- Replies without end

TEST(ReplyBounds, TheTextsOfOneReplyShareABound) {
  ReplyReader reader;
  Reply reply;
  const std::string text = "$60000\r\n" + std::string(60000, 'x') + "\r\n";
  ASSERT_TRUE(reader.Feed("*32768\r\n" + text + text));
  EXPECT_EQ(reader.Take(reply), Next::kMore);
  ASSERT_TRUE(reader.Feed(text));
  EXPECT_EQ(reader.Take(reply), Next::kTooLong);
}

TEST(ReplyBounds, TheBoundIsPerReply) {
  ReplyReader reader;
  Reply reply;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(reader.Feed("$60000\r\n" + std::string(60000, 'x') + "\r\n"));
    ASSERT_EQ(reader.Take(reply), Next::kReply);
    EXPECT_EQ(reply.text.size(), 60000U);
  }
}

TEST(ReplyBounds, ALongArrayIsRefusedBeforeItsElementsArrive) {
  ReplyReader reader;
  Reply reply;
  ASSERT_TRUE(reader.Feed("*5\r\n"));
  EXPECT_EQ(reader.Take(reply, 4), Next::kTooLong);
}

TEST(ReplyBounds, AMapAnnouncesTwiceItsCount) {
  for (const char* map : {"%3\r\n", "%9223372036854775807\r\n", "%4611686018427387905\r\n"}) {
    ReplyReader reader;
    Reply reply;
    ASSERT_TRUE(reader.Feed(map));
    const Next next = reader.Take(reply, 5);
    EXPECT_TRUE(next == Next::kTooLong || next == Next::kBroken) << map;
  }
}

TEST(HostileServer, AReplyThatIsTooLongForItsCommandEndsTheConnectionAtOnce) {
  // One check under one policy: at most 20 numbers and texts.
  for (const char* begun : {"*21\r\n", "%11\r\n", "~21\r\n", ">21\r\n"}) {
    ServerSessionDriver driver;
    driver.GetReady();
    const auto ticket = driver.Check("a");
    driver.Sent();
    const std::uint64_t connection = driver.session.WantedConnection();
    driver.Receive(begun);
    EXPECT_EQ(driver.Result(ticket).detail, kTooLong) << begun;
    EXPECT_NE(driver.session.WantedConnection(), connection) << begun;
  }
}

TEST(HostileServer, AnEndlessTextEndsTheConnectionSoon) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a", kSecond);
  driver.Sent();
  driver.Receive("$1000000\r\n");
  int pieces = 0;
  for (; !driver.Answered(ticket) && pieces < 100; ++pieces) {
    driver.Receive(std::string(65536, 'x'));
  }
  EXPECT_LE(pieces, 3);
  EXPECT_EQ(driver.Result(ticket).detail, kTooLong);
}

TEST(HostileServer, TheLongestReplyToABatchIsRead) {
  // A replay under its id, with a block, and a policy whose reading has three numbers.
  std::vector<Policy> policies;
  for (std::size_t i = 0; i < kMaxPolicies; ++i) {
    policies.push_back(testing::BucketPolicy("p" + std::to_string(i), 10, 1, kSecond));
  }
  Request request;
  request.set = std::make_shared<const PolicySet>(std::move(policies), "p");
  const std::vector<Request> batch(kMaxBatch, request);
  EXPECT_LE(MostElements(batch), ReplyReader::kMostElements);
  EXPECT_GE(MostElements(batch), 17'500U);
}

// ---- Servers' texts, shown to people

TEST(Printable, ControlCharactersAndInvalidUtf8AreEscaped) {
  EXPECT_EQ(Printable("a\r\nb\t\x1b[31m\x7f", 100), "a\\x0d\\x0ab\\x09\\x1b[31m\\x7f");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3), 100), "a\\x00b");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m",
                      100),
            "\\xc2\\x9b31m");  // C1
  EXPECT_EQ(Printable("\xe2\x80\xa8\xe2\x80\xae", 100), "\\xe2\\x80\\xa8\\xe2\\x80\\xae");
  EXPECT_EQ(Printable("\xff\xc0\x80\xed\xa0\x80", 100), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 100),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST(Printable, IsCutBetweenCharacters) {
  EXPECT_EQ(Printable("abc", 2), "ab");
  EXPECT_EQ(Printable("a\xe2\x82\xac", 3), "a");
  EXPECT_EQ(Printable("a\xe2\x82\xac", 4), "a\xe2\x82\xac");
  EXPECT_EQ(Printable("a\xe2\x82", 10), "a\\xe2\\x82");
  EXPECT_EQ(Printable("", 10), "");
}

TEST(HostileServer, ErrorsCannotForgeLogLines) {
  ServerSessionDriver driver;
  driver.GetReady();
  const auto ticket = driver.Check("a");
  driver.Sent();
  driver.Receive("-ERR one\tlevel=info\x1b[2J\r\n");
  EXPECT_EQ(driver.Result(ticket).detail, "ERR one\\x09level=info\\x1b[2J");
  const auto next = driver.Check("a");
  driver.Sent();
  // The script reports it for one check.
  driver.Receive("*3\r\n:1\r\n:-2\r\n$10\r\nERR a\r\nb=c\r\n");
  EXPECT_EQ(driver.Result(next).detail, "ERR a\\x0d\\x0ab=c");
}

TEST(HostileServer, AnEndlessCodeInAnAuthErrorIsNotShown) {
  ServerSession::Options options;
  options.endpoint.password = "secret";
  ServerSessionDriver driver(options);
  driver.Check("a", 10 * kSecond);
  driver.session.OnConnected(driver.now);
  driver.Sent();
  driver.Receive("-" + std::string(60'000, 'A') + " secret\r\n");
  const auto ticket = driver.Check("b");
  EXPECT_EQ(driver.Result(ticket).detail, "ERR the server refused the user or the password");
}

// ---- A server that reads slowly

// The used bytes of the heap; 0 under a sanitizer, which has another heap.
std::size_t BytesInUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(HostileServer, WrittenBytesLeaveTheBufferThoughItIsNeverEmpty) {
  ServerSessionDriver driver;
  driver.GetReady();
  std::size_t before = 0;
  for (int i = 0; i < 50'000; ++i) {
    if (i == 10) before = BytesInUse();
    driver.Check("a");
    driver.session.OnWritten(driver.session.Output().size() - 1);
    driver.AnswerFull(1);
    driver.session.TakeDeliveries();
  }
  EXPECT_LE(BytesInUse(), before + 1'000'000);
}

// ---- A server that answers and breaks off

TEST(HostileServer, ShortConnectionsAreReplacedAfterGrowingPauses) {
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

TEST(HostileServer, AConnectionThatLastsASecondEndsThePauses) {
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

// ---- The end of the process

// Static objects are destroyed before the functions that were registered before them run.
TEST(RequestRules, TheSinkOfReleasesOutlivesStaticObjects) {
  EXPECT_EXIT(
      {
        static std::weak_ptr<Sink>* const sink = new std::weak_ptr<Sink>;
        std::atexit([] { _Exit(sink->expired() ? 1 : 0); });
        *sink = ReleaseOf(Request(), Nanos{1}).sink;
        std::exit(2);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::redis
