// Names of keys in Redis: distinct keys of any bytes have distinct names.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/keys.h"
#include "redis/request.h"
#include "redis/slot.h"
#include "support/policies.h"
#include "support/seed.h"

namespace sluice::redis {
namespace {

using namespace std::string_literals;

std::string Escaped(std::string_view key) {
  std::string out;
  AppendEscapedKey(key, out);
  return out;
}

TEST(Keys, PlainKeysStayReadable) {
  EXPECT_EQ(Escaped("user:42"), "user:42");
  EXPECT_EQ(Escaped("2001:db8::/56"), "2001:db8::/56");
}

TEST(Keys, BytesThatCouldMoveTheHashTagAreEscaped) {
  EXPECT_EQ(Escaped("a}b{c%d"), "a%7Db%7Bc%25d");
  EXPECT_EQ(Escaped("nul\0new\nline space"s), "nul%00new%0Aline%20space");
  EXPECT_EQ(Escaped("\xED\xA0\x80"), "%ED%A0%80");  // a lone surrogate, as WTF-8
}

TEST(Keys, TheEmptyKeyDoesNotLeaveTheBracesEmpty) { EXPECT_EQ(Escaped(""), "%-"); }

TEST(Keys, LongKeysAreShortenedTo128BitsOfSha256) {
  // sha256sum of 129 times "a".
  EXPECT_EQ(Escaped(std::string(129, 'a')), "%hc12cb024a2e5551cca0e08fce8f1c5e3");
  EXPECT_EQ(Escaped(std::string(128, 'a')), std::string(128, 'a'));
  // 43 escaped bytes are 129 characters.
  EXPECT_TRUE(Escaped(std::string(43, '\n')).starts_with("%h"));
  EXPECT_EQ(Escaped(std::string(42, '\n')).size(), 126U);
  EXPECT_EQ(Escaped(std::string(1 << 20, 'x')).size(), 34U);
}

TEST(Keys, ARequestKeepsOnlyTheNameOfAKey) {
  EXPECT_EQ(EscapedKey().view(), "%-");
  EXPECT_EQ(EscapedKey("").view(), "%-");
  // Through all lengths, in place and not, copied and moved.
  for (std::size_t length = 1; length < 140; ++length) {
    for (const char c : {'a', '\n'}) {
      const std::string key(length, c);
      EscapedKey made(key);
      const EscapedKey copied = made;
      const EscapedKey moved = std::move(made);
      EXPECT_EQ(copied.view(), Escaped(key));
      EXPECT_EQ(moved.view(), Escaped(key));
    }
  }
  EXPECT_EQ(EscapedKey(std::string(1 << 20, 'x')).view(), Escaped(std::string(1 << 20, 'x')));
}

TEST(Keys, UnusualKeysHaveDistinctNames) {
  std::vector<std::string> keys = {"",
                                   "%",
                                   "%-",
                                   "%2D",
                                   "%h",
                                   "%25",
                                   "%2525",
                                   "{",
                                   "}",
                                   "{}",
                                   "a",
                                   "A",
                                   "a\0"s,
                                   "\0a"s,
                                   "\0"s,
                                   "a ",
                                   "a\n",
                                   "%0A",
                                   "\n",
                                   "a:b",
                                   "a}:b",
                                   "\xEF\xBF\xBD",
                                   "\xED\xA0\x80",
                                   "\xED\xA0\x81",
                                   "\xED\xB0\x80",
                                   "\xC3\xA9"};
  keys.push_back(Escaped(std::string(129, 'a')));  // the name of a long key, as a key
  keys.push_back(std::string(129, 'a'));
  for (std::size_t length = 120; length < 140; ++length) {
    keys.emplace_back(length, 'b');
    keys.emplace_back(length, '}');
  }
  keys.emplace_back(1 << 20, 'a');
  keys.push_back(std::string(1 << 20, 'a') + "a");
  std::map<std::string, std::string> owners;
  for (const std::string& key : keys) {
    const auto [at, fresh] = owners.emplace(Escaped(key), key);
    EXPECT_TRUE(fresh || at->second == key) << at->first;
  }
}

TEST(Keys, RandomKeysHaveDistinctNamesAndStayInsideTheBraces) {
  testing::Random random(testing::TestSeed());
  std::map<std::string, std::string> owners;
  for (int i = 0; i < 20'000; ++i) {
    std::string key(static_cast<std::size_t>(random.Between(0, 4)), '\0');
    for (char& c : key) c = "%{}-h0aA\n:"[random.Between(0, 9)];
    const std::string name = Escaped(key);
    const auto [at, fresh] = owners.emplace(name, key);
    ASSERT_TRUE(fresh || at->second == key) << name;
    ASSERT_EQ(name.find_first_of("{}\n"), std::string::npos) << name;
    ASSERT_FALSE(name.empty());
  }
}

std::vector<std::string> NamesOf(const Request& request) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    AppendStateName(request, i, names.emplace_back());
  }
  return names;
}

Request AboutTwoPolicies() {
  Request request;
  request.set = std::make_shared<const PolicySet>(
      std::vector{testing::BucketPolicy("burst", 5, 1, Nanos{1000}),
                  testing::BucketPolicy("daily", 5, 1, Nanos{1000})},
      "my app{1}:prod");
  request.key = EscapedKey("user:42");
  return request;
}

TEST(Keys, StatesAreNamedByPrefixKeyPolicyAndTag) {
  EXPECT_EQ(NamesOf(AboutTwoPolicies()),
            (std::vector{"my%20app%7B1%7D:prod:{user:42}:burst:tb1"s,
                         "my%20app%7B1%7D:prod:{user:42}:daily:tb1"s}));
}

TEST(Keys, PoliciesMayHaveSeparateKeys) {
  Request request = AboutTwoPolicies();
  request.keys = std::make_shared<KeyList>(KeyList{.each = {EscapedKey("u"), EscapedKey("{t}")}});
  EXPECT_EQ(NamesOf(request), (std::vector{"my%20app%7B1%7D:prod:{u}:burst:tb1"s,
                                           "my%20app%7B1%7D:prod:{%7Bt%7D}:daily:tb1"s}));
}

TEST(Keys, AShardIsBetweenTheBracesAndTheKeysFollowThePolicies) {
  Request request = AboutTwoPolicies();
  request.keys = std::make_shared<KeyList>(
      KeyList{.each = {EscapedKey("u"), EscapedKey("")}, .shard = EscapedKey("tenant}7")});
  EXPECT_EQ(NamesOf(request), (std::vector{"my%20app%7B1%7D:prod:{tenant%7D7}:burst:u:tb1"s,
                                           "my%20app%7B1%7D:prod:{tenant%7D7}:daily:%-:tb1"s}));
}

TEST(Slot, IsTheSlotThatRedisComputes) {
  // As CLUSTER KEYSLOT answers.
  EXPECT_EQ(SlotOfTag("123456789"), 0x31C3 % 16384);
  EXPECT_EQ(SlotOfTag("foo"), 12182);
  EXPECT_EQ(SlotOfTag("bar"), 5061);
}

}  // namespace
}  // namespace sluice::redis
