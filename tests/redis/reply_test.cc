// The reader of replies, and its bounds.
#include "redis/reply.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::redis {
namespace {

using Next = ReplyReader::Next;

Reply ReadOne(std::string_view bytes, Next expected = Next::kReply) {
  ReplyReader reader;
  Reply reply;
  EXPECT_TRUE(reader.Feed(bytes));
  EXPECT_EQ(reader.Take(reply), expected) << bytes;
  return reply;
}

TEST(ReplyReader, OnlyFlatArraysOfIntegersAndOneTextAreArrays) {
  const Reply reply = ReadOne("*3\r\n:1\r\n:-2\r\n$3\r\nabc\r\n");
  EXPECT_EQ(reply.kind, Reply::Kind::kArray);
  EXPECT_EQ(reply.integers, (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(reply.text, "abc");
  EXPECT_EQ(ReadOne("*2\r\n$1\r\na\r\n:1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("*3\r\n:1\r\n$1\r\na\r\n:1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("%1\r\n:1\r\n:1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("*2\r\n:1\r\n$-1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("$-1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("-ERR x\r\n").kind, Reply::Kind::kError);
  EXPECT_EQ(ReadOne("+OK\r\n").text, "OK");
}

TEST(ReplyReader, TwoTextsOrMoreAreAList) {
  const Reply reply = ReadOne("*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n");
  EXPECT_EQ(reply.kind, Reply::Kind::kTexts);
  EXPECT_EQ(reply.texts, (std::vector<std::string>{"a", "", "bc"}));
  EXPECT_EQ(ReadOne("*2\r\n$1\r\na\r\n$-1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("*2\r\n$1\r\na\r\n+b\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("*3\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("*1\r\n$1\r\na\r\n").kind, Reply::Kind::kArray);
}

TEST(ReplyReader, AReplyOutOfBoundsBreaksTheStream) {
  ReadOne("*32769\r\n", Next::kTooLong);
  ReadOne("*32768\r\n", Next::kMore);
  ReadOne("HTTP/1.1 400 Bad Request\r\n", Next::kBroken);
  ReadOne("*1\r\n*1\r\n:1\r\n", Next::kBroken);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "*1\r\n";
  ReadOne(deep, Next::kBroken);
  ReplyReader reader;
  Reply reply;
  const std::string megabyte(std::size_t{1} << 20, 'x');
  ASSERT_TRUE(reader.Feed("$4000000\r\n"));
  ASSERT_EQ(reader.Take(reply), Next::kMore);
  EXPECT_FALSE(reader.Feed(megabyte) && reader.Feed(megabyte));
  ReplyReader endless;
  ASSERT_TRUE(endless.Feed("-" + std::string(ReplyReader::kLongestText + 50, 'x')));
  EXPECT_EQ(endless.Take(reply), Next::kTooLong);
}

TEST(ReplyReader, TheTextsOfOneReplyShareABound) {
  ReplyReader reader;
  Reply reply;
  const std::string text = "$60000\r\n" + std::string(60000, 'x') + "\r\n";
  ASSERT_TRUE(reader.Feed("*32768\r\n" + text + text));
  EXPECT_EQ(reader.Take(reply), Next::kMore);
  ASSERT_TRUE(reader.Feed(text));
  EXPECT_EQ(reader.Take(reply), Next::kTooLong);
}

TEST(ReplyReader, TheBoundIsPerReply) {
  ReplyReader reader;
  Reply reply;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(reader.Feed("$60000\r\n" + std::string(60000, 'x') + "\r\n"));
    ASSERT_EQ(reader.Take(reply), Next::kReply);
    EXPECT_EQ(reply.text.size(), 60000U);
  }
}

TEST(ReplyReader, ALongArrayIsRefusedBeforeItsElementsArrive) {
  ReplyReader reader;
  Reply reply;
  ASSERT_TRUE(reader.Feed("*5\r\n"));
  EXPECT_EQ(reader.Take(reply, 4), Next::kTooLong);
}

TEST(ReplyReader, AMapAnnouncesTwiceItsCount) {
  for (const char* map : {"%3\r\n", "%9223372036854775807\r\n", "%4611686018427387905\r\n"}) {
    ReplyReader reader;
    Reply reply;
    ASSERT_TRUE(reader.Feed(map));
    const Next next = reader.Take(reply, 5);
    EXPECT_TRUE(next == Next::kTooLong || next == Next::kBroken) << map;
  }
}

}  // namespace
}  // namespace sluice::redis
