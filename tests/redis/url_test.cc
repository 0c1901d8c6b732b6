// Valid URLs of Redis servers, and the errors of invalid ones.
#include "redis/url.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::redis {
namespace {

using Part = UrlFault::Part;

Url ParsedUrl(std::string_view text) {
  Url url;
  UrlFault fault;
  EXPECT_TRUE(ParseUrl(text, url, fault)) << text << ": " << fault.reason;
  EXPECT_EQ(fault.part, Part::kNone);
  return url;
}

Endpoint Parsed(std::string_view text) { return ParsedUrl(text).endpoint; }

TEST(Url, HostAloneMeansPort6379AndDatabase0) {
  const Endpoint endpoint = Parsed("redis://cache.internal");
  EXPECT_EQ(endpoint.host, "cache.internal");
  EXPECT_EQ(endpoint.port, 6379);
  EXPECT_EQ(endpoint.database, 0);
  EXPECT_EQ(endpoint.user, "");
  EXPECT_EQ(endpoint.password, "");
}

TEST(Url, AllPartsAreRead) {
  const Endpoint endpoint = Parsed("redis://app:s3cret@10.0.0.7:7000/15");
  EXPECT_EQ(endpoint.user, "app");
  EXPECT_EQ(endpoint.password, "s3cret");
  EXPECT_EQ(endpoint.host, "10.0.0.7");
  EXPECT_EQ(endpoint.port, 7000);
  EXPECT_EQ(endpoint.database, 15);
  EXPECT_EQ(endpoint.Address(), "10.0.0.7:7000");
}

TEST(Url, PercentSignsAreDecodedInUserAndPassword) {
  const Endpoint endpoint = Parsed("redis://a%40b:p%3Aw%2f%25%00@h/");
  EXPECT_EQ(endpoint.user, "a@b");
  EXPECT_EQ(endpoint.password, std::string("p:w/%\0", 6));
  EXPECT_EQ(Parsed("redis://:only@h").password, "only");
  EXPECT_EQ(Parsed("redis://u:p@ss:w@h").password, "p@ss:w");
}

TEST(Url, Ipv6StandsInBrackets) {
  const Endpoint endpoint = Parsed("redis://:pw@[2001:db8::1]:7001/2");
  EXPECT_EQ(endpoint.host, "2001:db8::1");
  EXPECT_EQ(endpoint.port, 7001);
  EXPECT_EQ(endpoint.Address(), "[2001:db8::1]:7001");
  EXPECT_EQ(Parsed("redis://[::1]").port, 6379);
}

TEST(Url, RedissMeansTls) {
  const Url url = ParsedUrl("rediss://app:pw@cache.internal:6380/2");
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.endpoint.host, "cache.internal");
  EXPECT_EQ(url.endpoint.port, 6380);
  EXPECT_EQ(url.endpoint.password, "pw");
  EXPECT_EQ(url.endpoint.database, 2);
  EXPECT_FALSE(ParsedUrl("redis://cache.internal").tls);
}

TEST(Url, ValkeysSchemesMeanTheSame) {
  const Url url = ParsedUrl("valkeys://app:pw@cache.internal:6380/2");
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.endpoint.host, "cache.internal");
  EXPECT_EQ(url.endpoint.database, 2);
  EXPECT_FALSE(ParsedUrl("valkey://cache.internal").tls);
}

TEST(Url, AUnixSocketIsAPath) {
  const Endpoint endpoint = Parsed("redis+unix:///run/redis/redis.sock");
  EXPECT_EQ(endpoint.path, "/run/redis/redis.sock");
  EXPECT_EQ(endpoint.host, "");
  EXPECT_EQ(endpoint.database, 0);
  EXPECT_EQ(endpoint.Address(), "unix:/run/redis/redis.sock");
  const Endpoint full = Parsed("redis+unix://app:p%2Fw@/tmp/a%20b@c?db=15");
  EXPECT_EQ(full.user, "app");
  EXPECT_EQ(full.password, "p/w");
  EXPECT_EQ(full.path, "/tmp/a b@c");
  EXPECT_EQ(full.database, 15);
  EXPECT_EQ(Parsed("redis+unix:///" + std::string(106, 'a')).path.size(), 107U);
}

TEST(Url, TheCaseOfASchemeMeansNothing) {
  EXPECT_EQ(Parsed("REDIS://h").host, "h");
  EXPECT_TRUE(ParsedUrl("Rediss://h").tls);
  EXPECT_TRUE(ParsedUrl("VALKEYS://h").tls);
  EXPECT_EQ(Parsed("Redis+Unix:///run/S").path, "/run/S");
}

TEST(Url, TheQueryMayNameTheDatabaseAndAnyAddressFamily) {
  EXPECT_EQ(Parsed("redis://h?family=0").host, "h");
  EXPECT_EQ(Parsed("redis://u:p@h:7000/2?family=0").database, 2);
  EXPECT_EQ(Parsed("redis://h?db=3").database, 3);
  EXPECT_EQ(Parsed("redis://h/?family=0&db=3").database, 3);
  EXPECT_EQ(Parsed("redis://h/3?db=3").database, 3);
  EXPECT_EQ(Parsed("redis://h?").database, 0);
  EXPECT_EQ(Parsed("redis+unix:///run/s?family=0&db=3").database, 3);
}

TEST(Url, NoUserAndNoPasswordBeforeTheAtSignAreNoCredentials) {
  const Endpoint endpoint = Parsed("redis://@h");
  EXPECT_EQ(endpoint.host, "h");
  EXPECT_EQ(endpoint.user + endpoint.password, "");
}

struct Refusal {
  std::string url;
  Part part;
};

class UrlRefused : public ::testing::TestWithParam<Refusal> {};

TEST_P(UrlRefused, NamesThePartAndQuotesNothing) {
  Url url;
  url.endpoint.host = "unchanged";
  UrlFault fault;
  EXPECT_FALSE(ParseUrl(GetParam().url, url, fault)) << GetParam().url;
  EXPECT_EQ(fault.part, GetParam().part) << GetParam().url << ": " << fault.reason;
  EXPECT_FALSE(fault.reason.empty());
  EXPECT_EQ(fault.reason.find("hunter"), std::string::npos);
  EXPECT_EQ(url.endpoint.host, "unchanged");
}

INSTANTIATE_TEST_SUITE_P(
    All, UrlRefused,
    ::testing::Values(
        Refusal{"", Part::kScheme}, Refusal{"localhost:6379", Part::kScheme},
        Refusal{"http://h", Part::kScheme}, Refusal{"REDIS:/h", Part::kScheme},
        Refusal{"unix:///tmp/redis.sock", Part::kScheme}, Refusal{"redis://", Part::kHost},
        Refusal{"redis+unix://", Part::kHost}, Refusal{"redis+unix://run/s", Part::kHost},
        Refusal{"redis+unix://:hunter2@", Part::kHost},
        Refusal{"redis+unix://:hunter/2@/run/s", Part::kHost},
        Refusal{"redis+unix://:hunter?2@/run/s", Part::kHost},
        Refusal{"redis+unix://hunter2@/run/s", Part::kPassword},
        Refusal{"redis+unix:///run/%2", Part::kPath}, Refusal{"redis+unix:///run/%00", Part::kPath},
        Refusal{"redis+unix:///run/s#1", Part::kPath},
        Refusal{"redis+unix:///" + std::string(107, 'a'), Part::kPath},
        Refusal{"redis+unix:///run/s?db=x", Part::kDatabase},
        Refusal{"redis+unix:///run/s?hunter=1", Part::kQuery},
        Refusal{"redis://:hunter2@", Part::kHost}, Refusal{"redis:///1", Part::kHost},
        Refusal{"redis://ho st", Part::kHost}, Refusal{"redis://::1", Part::kHost},
        Refusal{"redis://[::1", Part::kHost}, Refusal{"redis://[nope]", Part::kHost},
        Refusal{std::string("redis://[::1\0]", 14), Part::kHost},
        Refusal{"redis://[::1]6379", Part::kHost}, Refusal{"redis://h:", Part::kPort},
        Refusal{"redis://h:0", Part::kPort}, Refusal{"redis://h:65536", Part::kPort},
        Refusal{"redis://h:+1", Part::kPort}, Refusal{"redis://h:1:2", Part::kPort},
        Refusal{"redis://h/x", Part::kDatabase}, Refusal{"redis://h/-1", Part::kDatabase},
        Refusal{"redis://h/1/2", Part::kDatabase},
        Refusal{"redis://h/99999999999", Part::kDatabase},
        Refusal{"redis://h/1?db=2", Part::kQuery}, Refusal{"redis://h?family=6", Part::kQuery},
        Refusal{"redis://h?hunter=2", Part::kQuery}, Refusal{"redis://h?db=x", Part::kDatabase},
        Refusal{"redis://:hunter?2@h", Part::kHost}, Refusal{"redis://h#1", Part::kQuery},
        Refusal{"redis://:hunter#2@h", Part::kQuery}, Refusal{"redis://hunter2@h", Part::kPassword},
        Refusal{"redis://:hunter%2@h", Part::kPassword}, Refusal{"redis://u%zz:p@h", Part::kUser},
        Refusal{"redis://:hunter/2@h", Part::kHost}));

}  // namespace
}  // namespace sluice::redis
