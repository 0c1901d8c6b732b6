// The reader of replies, and its bounds.
#include "redis/reply.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::redis {
namespace {

using Next = ReplyReader::Next;

constexpr ReplyBounds kFlat = ReplyBounds::Flat(ReplyReader::kMostElements);

Reply ReadOne(std::string_view bytes, Next expected = Next::kReply) {
  ReplyReader reader;
  Reply reply;
  EXPECT_TRUE(reader.Feed(bytes));
  EXPECT_EQ(reader.Take(reply, kFlat), expected) << bytes;
  return reply;
}

TEST(ReplyReader, AnArrayOfIntegersAndOneTextHasNoElements) {
  const Reply reply = ReadOne("*3\r\n:1\r\n:-2\r\n$3\r\nabc\r\n");
  EXPECT_EQ(reply.kind, Reply::Kind::kArray);
  EXPECT_EQ(reply.integers, (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(reply.text, "abc");
  EXPECT_TRUE(reply.items.empty());
  // Any other element counts as one, and so do all behind it.
  for (const char* bytes : {"*3\r\n:1\r\n$1\r\na\r\n:1\r\n", "*3\r\n:1\r\n$-1\r\n$1\r\na\r\n",
                            "*3\r\n:1\r\n+b\r\n:2\r\n", "*3\r\n:1\r\n$0\r\n\r\n:2\r\n"}) {
    const Reply other = ReadOne(bytes);
    EXPECT_EQ(other.kind, Reply::Kind::kArray) << bytes;
    EXPECT_EQ(other.integers, std::vector<std::int64_t>{1}) << bytes;
    EXPECT_EQ(other.items.size(), 2U) << bytes;
    EXPECT_EQ(other.text, "") << bytes;
  }
  EXPECT_EQ(ReadOne("*2\r\n:1\r\n+b\r\n").items.size(), 1U);
  EXPECT_EQ(ReadOne("%1\r\n:1\r\n:1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("~1\r\n:1\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("#t\r\n").kind, Reply::Kind::kOther);
  EXPECT_EQ(ReadOne("$-1\r\n").kind, Reply::Kind::kNil);
  EXPECT_EQ(ReadOne("-ERR x\r\n").kind, Reply::Kind::kError);
  EXPECT_EQ(ReadOne("+OK\r\n").text, "OK");
}

TEST(ReplyReader, TextsAreElements) {
  const Reply reply = ReadOne("*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n");
  ASSERT_TRUE(reply.IsArray(3));
  EXPECT_FALSE(reply.IsArray(4));
  EXPECT_EQ(reply.items[0].text, "a");
  EXPECT_EQ(reply.items[1].kind, Reply::Kind::kText);
  EXPECT_EQ(reply.items[2].text, "bc");
  EXPECT_TRUE(ReadOne("*1\r\n$1\r\na\r\n").IsArray(1));
  EXPECT_FALSE(ReadOne("*2\r\n:1\r\n+a\r\n").IsArray(1)) << "it begins with an integer";
}

TEST(ReplyReader, ReadsNestedRepliesWithinBounds) {
  ReplyReader reader;
  Reply tree;
  ASSERT_TRUE(reader.Feed("*3\r\n:1\r\n*2\r\n$-1\r\n+x\r\n*-1"));
  EXPECT_EQ(reader.Take(tree, {}), Next::kMore);
  ASSERT_TRUE(reader.Feed("\r\n"));
  ASSERT_EQ(reader.Take(tree, {}), Next::kReply);
  EXPECT_EQ(tree.integers, std::vector<std::int64_t>{1});
  ASSERT_EQ(tree.items.size(), 2U);
  EXPECT_EQ(tree.items[0].items[0].kind, Reply::Kind::kNil);
  EXPECT_EQ(tree.items[0].items[1].text, "x");
  EXPECT_EQ(tree.items[1].kind, Reply::Kind::kNil);
}

TEST(ReplyReader, RefusesRepliesThatAreTooDeepTooWideOrTooLong) {
  Reply tree;
  {
    ReplyReader deep;
    std::string bytes;
    for (int i = 0; i < 7; ++i) bytes += "*1\r\n";
    ASSERT_TRUE(deep.Feed(bytes + ":1\r\n"));
    EXPECT_EQ(deep.Take(tree, {}), Next::kBroken);
  }
  {
    ReplyReader wide;
    ASSERT_TRUE(wide.Feed("*1025\r\n"));
    EXPECT_EQ(wide.Take(tree, {}), Next::kTooLong);
  }
  {
    ReplyReader heavy;  // more nodes than a reply may have, none of them too wide
    std::string bytes = "*5\r\n";
    for (int i = 0; i < 4; ++i) {
      bytes += "*1020\r\n";
      for (int j = 0; j < 1020; ++j) bytes += ":1\r\n";
    }
    ASSERT_TRUE(heavy.Feed(bytes));
    EXPECT_EQ(heavy.Take(tree, {}), Next::kMore);
    ASSERT_TRUE(heavy.Feed("*12\r\n"));  // 4,097 nodes are announced
    EXPECT_EQ(heavy.Take(tree, {}), Next::kTooLong);
  }
  {
    ReplyReader fat;  // in texts, each of which is short enough
    const std::string piece = "$32768\r\n" + std::string(32768, 'x') + "\r\n";
    ASSERT_TRUE(fat.Feed("*5\r\n"));
    EXPECT_EQ(fat.Take(tree, {}), Next::kMore);
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(fat.Feed(piece));
      EXPECT_EQ(fat.Take(tree, {}), Next::kMore);
    }
    ASSERT_TRUE(fat.Feed(piece));
    EXPECT_EQ(fat.Take(tree, {}), Next::kTooLong);
  }
  ReplyReader endless;
  ASSERT_TRUE(endless.Feed("$500000\r\n" + std::string(ReplyReader::kLongestText + 50, 'x')));
  const ReplyBounds wide_text{.nodes = 10, .elements = 10, .text = std::size_t{1} << 30};
  EXPECT_EQ(endless.Take(tree, wide_text), Next::kTooLong);
  ReplyReader longest;
  EXPECT_FALSE(longest.Feed(std::string(ReplyReader::kMostUnread + 1, 'x')));
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
  ASSERT_EQ(reader.Take(reply, kFlat), Next::kMore);
  EXPECT_FALSE(reader.Feed(megabyte) && reader.Feed(megabyte));
  ReplyReader endless;
  ASSERT_TRUE(endless.Feed("-" + std::string(ReplyReader::kLongestText + 50, 'x')));
  EXPECT_EQ(endless.Take(reply, kFlat), Next::kTooLong);
}

TEST(ReplyReader, TheTextsOfOneReplyShareABound) {
  ReplyReader reader;
  Reply reply;
  const std::string text = "$60000\r\n" + std::string(60000, 'x') + "\r\n";
  ASSERT_TRUE(reader.Feed("*32768\r\n" + text + text));
  EXPECT_EQ(reader.Take(reply, kFlat), Next::kMore);
  ASSERT_TRUE(reader.Feed(text));
  EXPECT_EQ(reader.Take(reply, kFlat), Next::kTooLong);
}

TEST(ReplyReader, TheBoundIsPerReply) {
  ReplyReader reader;
  Reply reply;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(reader.Feed("$60000\r\n" + std::string(60000, 'x') + "\r\n"));
    ASSERT_EQ(reader.Take(reply, kFlat), Next::kReply);
    EXPECT_EQ(reply.text.size(), 60000U);
  }
}

TEST(ReplyReader, ALongArrayIsRefusedBeforeItsElementsArrive) {
  ReplyReader reader;
  Reply reply;
  ASSERT_TRUE(reader.Feed("*5\r\n"));
  EXPECT_EQ(reader.Take(reply, ReplyBounds::Flat(4)), Next::kTooLong);
}

TEST(ReplyReader, AMapAnnouncesTwiceItsCount) {
  for (const char* map : {"%3\r\n", "%9223372036854775807\r\n", "%4611686018427387905\r\n"}) {
    ReplyReader reader;
    Reply reply;
    ASSERT_TRUE(reader.Feed(map));
    const Next next = reader.Take(reply, ReplyBounds::Flat(5));
    EXPECT_TRUE(next == Next::kTooLong || next == Next::kBroken) << map;
  }
}

}  // namespace
}  // namespace sluice::redis
