// Errors of servers: their text for people, and the remedy.
#include "redis/error_reply.h"

#include <gtest/gtest.h>

#include <string_view>

#include "printable.h"

namespace sluice::redis {
namespace {

TEST(ErrorReply, EachHasARemedy) {
  for (const char* error :
       {"READONLY You can't write against a read only replica.",
        "-READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down", "NOAUTH Authentication required.",
        "WRONGPASS invalid username-password pair"}) {
    EXPECT_EQ(RemedyOf(error), Remedy::kReconnect) << error;
  }
  for (const char* error :
       {"LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script.",
        "UNKILLABLE Sorry", "CLUSTERDOWN The cluster is down"}) {
    EXPECT_EQ(RemedyOf(error), Remedy::kWait) << error;
  }
  for (const char* error :
       {"", " ", "-", "OOM command not allowed when used memory > 'maxmemory'.",
        "NOPERM this user has no permissions", "MISCONF Redis is configured",
        "NOREPLICAS Not enough good replicas to write.", "ERR READONLY",
        "WRONGTYPE Operation against a key", "READONLYX", "BUSYKEY Target key", "readonly"}) {
    EXPECT_EQ(RemedyOf(error), Remedy::kGiveUp) << error;
  }
}

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

}  // namespace
}  // namespace sluice::redis
