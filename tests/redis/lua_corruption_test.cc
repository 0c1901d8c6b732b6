// The script answers with any values under the names of states: random batches of all operations
// run while random keys get other values.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "redis/redis_under_test.h"
#include "redis/script.h"
#include "redis/virtual_redis.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using Kind = redis::Request::Kind;

class Corruption : public ::testing::Test {
 protected:
  void StartTrace() {
    sets_.clear();
    for (int i = 0; i < 3; ++i) {
      std::vector<Policy> policies;
      for (std::int64_t p = random_.Between(1, 4); p > 0; --p) {
        policies.push_back(RandomMixedPolicy(random_, "p" + std::to_string(p)));
      }
      sets_.push_back(std::make_shared<const redis::PolicySet>(policies, FreshPrefix()));
    }
    clock_ = TraceClock(random_, VirtualRedis::kTick);
  }

  redis::Request Draw() {
    redis::Request request;
    request.kind = random_.OneIn(2) ? Kind::kCheck : static_cast<Kind>(random_.Between(0, 9));
    if (request.kind == Kind::kReset) request.kind = Kind::kPeek;
    request.set = sets_[static_cast<std::size_t>(random_.Between(0, 2))];
    request.key = redis::EscapedKey("k" + std::to_string(random_.Between(1, 2)));
    auto options = std::make_shared<Operation::Options>();
    std::vector<std::int64_t> costs;
    for (const Policy& policy : request.set->policies()) {
      costs.push_back(RandomCost(random_, LimitOf(policy.algorithm)));
    }
    request.costs = Costs(costs);
    if (request.kind == Kind::kAbort || random_.OneIn(2)) {
      for (std::int64_t& mark : options->marks.emplace()) {
        mark = random_.Between(0, 2'000'000'000'000'000'000);
      }
    }
    options->holder = {.high = 0, .low = static_cast<std::uint64_t>(random_.Between(1, 20))};
    if (random_.OneIn(2)) {
      request.digests = std::make_shared<redis::IdDigests>(
          redis::IdDigests{.name = std::to_string(random_.Between(1, 3)), .fingerprint = "ab"});
    }
    options->block_for = Micros{random_.Magnitude(10'000'000)};
    request.options = std::move(options);
    return request;
  }

  std::string RandomText() {
    static constexpr std::string_view kBytes = "0123456789 b.-e\n";
    if (random_.OneIn(3)) {
      return std::to_string(random_.Magnitude(10'000'000'000'000'000)) + " " +
             std::to_string(random_.Between(0, 9)) + " " + std::to_string(random_.Between(0, 99));
    }
    std::string text(static_cast<std::size_t>(random_.Between(0, 40)), ' ');
    for (char& c : text) {
      c = kBytes[static_cast<std::size_t>(random_.Between(0, kBytes.size() - 1))];
    }
    return text;
  }

  // Changes the value of one of the request's names.
  void Corrupt() {
    const redis::Request request = Draw();
    const auto policy = static_cast<std::size_t>(
        random_.Between(0, static_cast<std::int64_t>(request.set->size()) - 1));
    std::string name = VirtualRedis::NameOf(request, policy);
    if (random_.OneIn(2)) {
      name += CollectionSuffix(request.set->policies()[policy].algorithm);
    }
    if (NamesId(request) && random_.OneIn(2)) {
      name.clear();
      redis::AppendIdName(request, name);
    }
    std::string text = RandomText();
    switch (random_.Between(0, 8)) {
      case 0:
        return redis_.Put({"DEL", name}, name);
      case 1:
        redis_.Put({"DEL", name}, name);
        return redis_.Put({"HSET", name, "a", "b"}, name);
      case 2:
        return redis_.Put({"RPUSH", name, text}, name);
      case 3:
        return redis_.Put({"LPUSH", name, text}, name);
      case 4:
        return redis_.Put(
            {"ZADD", name, std::to_string(random_.Magnitude(1'000'000'000)) + ".5", text}, name);
      case 5:
        return redis_.Put({"LPOP", name}, name);
      case 6:
        return redis_.Put({"APPEND", name, text.substr(0, 2)}, name);
      case 7:
        // Nearly the old value.
        return redis_.Put(
            {"SETRANGE", name, std::to_string(random_.Between(0, 90)), text.substr(0, 1)}, name);
      default:
        return redis_.Put({"SET", name, text}, name);
    }
  }

  Random random_{TestSeed()};
  RedisServer server_;
  VirtualRedis redis_{server_};
  std::vector<std::shared_ptr<const redis::PolicySet>> sets_;
  TraceClock clock_{random_, VirtualRedis::kTick};
};

TEST_F(Corruption, NeverStopsTheScript) {
  const int steps = Steps(4'000);
  int foreign = 0;
  int good = 0;
  int repeated = 0;
  for (int done = 0, next_trace = 0; done < steps;) {
    if (done >= next_trace) {
      StartTrace();
      next_trace += 200;
    }
    redis_.SetTime(clock_.now());
    for (std::int64_t i = random_.Between(0, 2); i > 0; --i) Corrupt();
    std::vector<redis::Request> batch;
    for (std::int64_t i = random_.Magnitude(16); i > 0; --i) batch.push_back(Draw());
    // Throws for a reply that the script cannot give.
    for (const redis::Completion& completion : redis_.Run(batch)) {
      ++done;
      ASSERT_NE(completion.fault, redis::Fault::kProtocol);
      repeated += completion.replay ? 1 : 0;
      (completion.fault == redis::Fault::kForeign ? foreign : good) += 1;
      ASSERT_NE(completion.fault, redis::Fault::kServer) << completion.detail;
    }
    clock_.Step(random_, {});
  }
  EXPECT_GT(foreign, steps / 100);
  EXPECT_GT(good, steps / 10);
  EXPECT_GT(repeated, steps / 200);
}

}  // namespace
}  // namespace sluice::testing
