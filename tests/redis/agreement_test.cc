// The shipped script on a real server and the core make the same decisions, to the nanosecond: for
// every vector, the store contract and random traces of one key.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "redis/redis_server.h"
#include "redis/redis_under_test.h"
#include "redis/script.h"
#include "store/store_contract.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

// One server for all tests of this file; each uses its own names.
RedisServer& Server() {
  static RedisServer server;
  return server;
}

std::unique_ptr<StoreUnderTest> MakeRedisUnderTest() {
  return std::make_unique<RedisUnderTest>(Server());
}

INSTANTIATE_TEST_SUITE_P(Redis, StoreContract, ::testing::Values(&MakeRedisUnderTest));

std::int64_t ServerMillis() {
  const std::string text = Server().Text({"EVAL",
                                          "local t = redis.call('TIME') return string.format("
                                          "'%.0f', t[1] * 1000 + math.floor(t[2] / 1000))",
                                          "0"});
  return std::stoll(text);
}

// An assumption of VirtualRedis: a key expires just after its TAT, and not before.
TEST(TimesToLive, CoverTheBacklogAndLittleMore) {
  Random random(TestSeed());
  RedisServer& server = Server();
  for (int i = 0; i < 200; ++i) {
    const std::int64_t interval =
        random.Between(Nanos{std::chrono::hours(1)}.count(), Nanos{std::chrono::hours(24)}.count());
    const std::int64_t cost = random.Between(1, 100);
    redis::Request one;
    one.set = std::make_shared<const redis::PolicySet>(
        std::vector{BucketPolicy("p", 100, 1, Nanos{interval})}, FreshPrefix());
    one.key = redis::EscapedKey("k");
    one.costs = cost;
    redis::ScriptCall call;
    call.Describe({&one, 1});
    std::vector<std::string> command = {"EVAL", std::string(redis::ScriptText()), "1",
                                        std::string(call.key(0))};
    for (std::size_t a = 0; a < call.arguments(); ++a) command.emplace_back(call.argument(a));
    const std::int64_t before = ServerMillis();
    ASSERT_EQ(server.Run(command).integers.at(1), 0);
    const std::int64_t after = ServerMillis();
    const std::int64_t left = server.Run({"PTTL", std::string(call.key(0))}).integers.at(0);
    const std::int64_t end = ServerMillis();
    // Written between `before` and `after`, read between `after` and `end`.
    const std::int64_t expected = cost * interval / 1'000'000 + 1;
    ASSERT_GE(left + end, before + expected) << "interval " << interval << ", cost " << cost;
    ASSERT_LE(left + after, after + expected) << "interval " << interval << ", cost " << cost;
  }
}

}  // namespace
}  // namespace sluice::testing
