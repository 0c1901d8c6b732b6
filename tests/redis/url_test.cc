// What a URL of a Redis server may say, and how a wrong one is refused.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "redis/endpoint.h"

namespace sluice::redis {
namespace {

using Part = UrlFault::Part;

Endpoint Parsed(std::string_view url) {
  Endpoint endpoint;
  UrlFault fault;
  EXPECT_TRUE(ParseUrl(url, endpoint, fault)) << url << ": " << fault.reason;
  EXPECT_EQ(fault.part, Part::kNone);
  return endpoint;
}

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

struct Refusal {
  std::string url;
  Part part;
};

class UrlRefused : public ::testing::TestWithParam<Refusal> {};

TEST_P(UrlRefused, NamesThePartAndQuotesNothing) {
  Endpoint endpoint;
  endpoint.host = "unchanged";
  UrlFault fault;
  EXPECT_FALSE(ParseUrl(GetParam().url, endpoint, fault)) << GetParam().url;
  EXPECT_EQ(fault.part, GetParam().part) << GetParam().url << ": " << fault.reason;
  EXPECT_FALSE(fault.reason.empty());
  EXPECT_EQ(fault.reason.find("hunter"), std::string::npos);
  EXPECT_EQ(endpoint.host, "unchanged");
}

INSTANTIATE_TEST_SUITE_P(
    All, UrlRefused,
    ::testing::Values(
        Refusal{"", Part::kScheme}, Refusal{"localhost:6379", Part::kScheme},
        Refusal{"http://h", Part::kScheme}, Refusal{"REDIS:/h", Part::kScheme},
        Refusal{"rediss://:hunter2@h", Part::kScheme},
        Refusal{"redis+unix:///tmp/redis.sock", Part::kScheme}, Refusal{"redis://", Part::kHost},
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
        Refusal{"redis://h/1?db=2", Part::kQuery}, Refusal{"redis://h#1", Part::kQuery},
        Refusal{"redis://:hunter#2@h", Part::kQuery}, Refusal{"redis://hunter2@h", Part::kPassword},
        Refusal{"redis://:hunter%2@h", Part::kPassword}, Refusal{"redis://u%zz:p@h", Part::kUser},
        Refusal{"redis://:hunter/2@h", Part::kHost}));

}  // namespace
}  // namespace sluice::redis
