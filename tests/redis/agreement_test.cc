// The shipped script on a real Redis decides as the core does, to the nanosecond: on every vector,
// by the store contract, and on 100,000 random steps, where both agree with the plain models of all
// algorithms.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "redis/redis_server.h"
#include "redis/script.h"
#include "redis/virtual_redis.h"
#include "store/store_contract.h"
#include "support/policies.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// One server for all tests of this file; each has names of its own in it.
RedisServer& Server() {
  static RedisServer server;
  return server;
}

std::string FreshPrefix() {
  static int count = 0;
  return "t" + std::to_string(++count);
}

redis::Request Ask(redis::Request::Kind kind, std::shared_ptr<const redis::PolicySet> set,
                   std::string_view key, std::span<const std::int64_t> costs) {
  redis::Request request;
  request.kind = kind;
  request.set = std::move(set);
  request.key = redis::EscapedKey(key);
  std::ranges::copy(costs, request.costs.begin());
  return request;
}

class RedisUnderTest final : public StoreUnderTest {
 public:
  Nanos tick() const override { return VirtualRedis::kTick; }
  void SetTime(Nanos now) override { redis_.SetTime(now); }
  bool Check(std::string_view key, std::span<const Policy> policies,
             std::span<const std::int64_t> costs, std::span<Decision> decisions) override {
    return Decide(redis::Request::Kind::kCheck, key, policies, costs, decisions);
  }
  bool Peek(std::string_view key, std::span<const Policy> policies,
            std::span<const std::int64_t> costs, std::span<Decision> decisions) override {
    return Decide(redis::Request::Kind::kPeek, key, policies, costs, decisions);
  }
  void Reset(std::string_view key, std::span<const Policy> policies) override {
    redis_.Reset(*SetOf(policies), key);
  }
  bool Dropped(std::string_view key, const Policy& policy) override {
    return !redis_.Holds(VirtualRedis::NameOf(*SetOf({&policy, 1}), redis::EscapedKey(key), 0));
  }

 private:
  std::shared_ptr<const redis::PolicySet> SetOf(std::span<const Policy> policies) const {
    return std::make_shared<const redis::PolicySet>(
        std::vector<Policy>(policies.begin(), policies.end()), prefix_);
  }
  bool Decide(redis::Request::Kind kind, std::string_view key, std::span<const Policy> policies,
              std::span<const std::int64_t> costs, std::span<Decision> decisions) {
    const std::vector<redis::Request> one = {Ask(kind, SetOf(policies), key, costs)};
    const redis::Completion done = redis_.Decide(one)[0];
    EXPECT_EQ(done.fault, redis::Fault::kNone) << done.detail;
    const bool allowed =
        DecideTats(policies, costs, std::span(done.backlogs).first(policies.size()), decisions);
    const bool charges = std::ranges::any_of(costs, [](std::int64_t cost) { return cost > 0; });
    EXPECT_EQ(done.charged, kind == redis::Request::Kind::kCheck && allowed && charges);
    return allowed;
  }

  VirtualRedis redis_{Server()};
  std::string prefix_ = FreshPrefix();
};

std::unique_ptr<StoreUnderTest> MakeRedisUnderTest() { return std::make_unique<RedisUnderTest>(); }

INSTANTIATE_TEST_SUITE_P(Redis, StoreContract, ::testing::Values(&MakeRedisUnderTest));

// A policy set, and what core and model know of each key's states by name.
struct Limits {
  std::shared_ptr<const redis::PolicySet> set;
  std::vector<ReferencePolicy> fresh;
};

struct State {
  Nanos tat{0};
  ReferencePolicy model;
};

class RandomSteps : public ::testing::Test {
 protected:
  static constexpr std::int64_t kKeysPerSet = 4;

  // Other policies, another clock, no keys.
  void StartTrace() {
    limits_.clear();
    states_.clear();
    for (int i = 0; i < 6; ++i) {
      Limits& limits = limits_.emplace_back();
      std::vector<Policy> policies;
      for (std::int64_t p = random_.Between(1, 3); p > 0; --p) {
        TracePolicy drawn = RandomPolicy(random_, "p" + std::to_string(p));
        policies.push_back(std::move(drawn.policy));
        limits.fresh.push_back(std::move(drawn.model));
      }
      limits.set = std::make_shared<const redis::PolicySet>(std::move(policies), FreshPrefix());
    }
    clock_ = TraceClock(random_, VirtualRedis::kTick);
  }

  void SetTime() {
    for (const std::string& name : redis_.SetTime(clock_.now())) states_.erase(name);
  }

  // Neighbours often ask for the same, so that groups form; keys come again within a batch.
  std::vector<redis::Request> DrawBatch() {
    std::vector<redis::Request> batch;
    const auto size = random_.OneIn(20) ? static_cast<std::int64_t>(redis::kMaxBatch)
                                        : random_.Magnitude(redis::kMaxBatch);
    while (static_cast<std::int64_t>(batch.size()) < size) {
      redis::Request request;
      if (!batch.empty() && random_.OneIn(2)) {
        request = batch.back();
      } else {
        const auto set = static_cast<std::size_t>(
            random_.Between(0, static_cast<std::int64_t>(limits_.size()) - 1));
        request.set = limits_[set].set;
        request.kind =
            random_.OneIn(10) ? redis::Request::Kind::kPeek : redis::Request::Kind::kCheck;
        request.ticket = set;  // comes back untouched: whose limits these are
        for (std::size_t p = 0; p < request.set->size(); ++p) {
          request.costs[p] =
              RandomCost(random_, RuleOf(request.set->policies()[p].algorithm).capacity);
        }
      }
      request.key = redis::EscapedKey("k" + std::to_string(random_.Between(1, kKeysPerSet)));
      batch.push_back(std::move(request));
    }
    return batch;
  }

  // Decides by core and by model, and compares what Redis answered. Returns the decisions.
  std::vector<Decision> Compare(const redis::Request& request, const redis::Completion& done) {
    const std::vector<Policy>& policies = request.set->policies();
    const std::size_t count = policies.size();
    const std::span costs(request.costs.data(), count);
    std::vector<State*> states;
    std::vector<Nanos> backlogs;
    std::vector<ReferencePolicy> models;
    for (std::size_t p = 0; p < count; ++p) {
      const auto entry = states_.try_emplace(VirtualRedis::NameOf(*request.set, request.key, p),
                                             State{Nanos{0}, limits_[request.ticket].fresh[p]});
      states.push_back(&entry.first->second);
      backlogs.push_back(Backlog(states[p]->tat, clock_.now()));
      models.push_back(states[p]->model);
    }
    std::vector<Decision> by_core(count);
    std::vector<Decision> by_redis(count);
    const bool allowed = DecideTats(policies, costs, backlogs, by_core);
    EXPECT_EQ(DecideTats(policies, costs, std::span(done.backlogs).first(count), by_redis),
              allowed);
    const std::vector<Decision> by_model = ReferenceCheck(models, costs, clock_.now());
    const bool charges = allowed && request.kind == redis::Request::Kind::kCheck &&
                         std::ranges::any_of(costs, [](std::int64_t cost) { return cost > 0; });
    EXPECT_EQ(done.charged, charges);
    EXPECT_EQ(done.fault, redis::Fault::kNone) << done.detail;
    for (std::size_t p = 0; p < count; ++p) {
      const bool same = Same(by_redis[p], by_core[p]) && Same(by_core[p], by_model[p]);
      EXPECT_TRUE(same) << "policy " << p << " of " << count << ", cost " << costs[p]
                        << ", interval " << RuleOf(policies[p].algorithm).interval.count()
                        << ", now " << clock_.now().count() << "\n  redis: " << Text(by_redis[p])
                        << "\n  core:  " << Text(by_core[p]) << "\n  model: " << Text(by_model[p]);
      if (!charges) continue;
      if (costs[p] > 0) states[p]->tat = clock_.now() + by_core[p].reset_after;
      states[p]->model = std::move(models[p]);
    }
    return by_core;
  }

  Random random_{TestSeed()};
  VirtualRedis redis_{Server()};
  std::vector<Limits> limits_;
  std::map<std::string, State> states_;
  TraceClock clock_{random_, VirtualRedis::kTick};
};

TEST_F(RandomSteps, AreDecidedAlikeByRedisCoreAndModel) {
  constexpr int kSteps = 100'000;
  constexpr int kStepsPerTrace = 1'000;
  int admitted = 0;
  int denied = 0;
  int went_back = 0;
  int delayed = 0;
  int batches = 0;
  for (int done = 0, next_trace = 0; done < kSteps; ++batches) {
    if (done >= next_trace) {
      StartTrace();
      next_trace += kStepsPerTrace;
    }
    SetTime();
    const std::vector<redis::Request> batch = DrawBatch();
    const std::vector<redis::Completion> completions = redis_.Decide(batch);
    std::vector<Decision> decisions;
    for (std::size_t r = 0; r < batch.size(); ++r, ++done) {
      decisions = Compare(batch[r], completions[r]);
      const bool all = std::ranges::all_of(decisions, &Decision::allowed);
      (all ? admitted : denied) += 1;
      delayed +=
          std::ranges::any_of(decisions, [](const Decision& one) { return one.delay > Nanos{0}; })
              ? 1
              : 0;
      ASSERT_FALSE(HasFailure()) << "step " << done << ", request " << r << " of a batch of "
                                 << batch.size();
    }
    const Nanos before = clock_.now();
    clock_.Step(random_, decisions);
    went_back += clock_.now() < before ? 1 : 0;
  }
  // The traces have to be ones that could show a difference.
  EXPECT_GT(admitted, kSteps / 10);
  EXPECT_GT(denied, kSteps / 10);
  EXPECT_GT(went_back, batches / 20);
  EXPECT_GT(delayed, kSteps / 50);
}

// What VirtualRedis takes for granted: a key lives until just after its TAT, and no shorter.
TEST(TimesToLive, CoverTheBacklogAndHardlyMore) {
  Random random(TestSeed());
  RedisServer& server = Server();
  for (int i = 0; i < 200; ++i) {
    const std::int64_t interval = random.Between(Nanos{hours(1)}.count(), Nanos{hours(24)}.count());
    const auto set = std::make_shared<const redis::PolicySet>(
        std::vector{BucketPolicy("p", 100, 1, Nanos{interval})}, FreshPrefix());
    const std::int64_t cost = random.Between(1, 100);
    const std::vector<redis::Request> one = {
        Ask(redis::Request::Kind::kCheck, set, "k", {&cost, 1})};
    redis::ScriptCall call;
    call.Describe(one);
    std::vector<std::string> command = {"EVAL", std::string(redis::ScriptText()), "1",
                                        std::string(call.key(0))};
    for (std::size_t a = 0; a < call.arguments(); ++a) command.emplace_back(call.argument(a));
    const auto server_ms = [&] {
      const std::string text = server.Text({"EVAL",
                                            "local t = redis.call('TIME') return string.format("
                                            "'%.0f', t[1] * 1000 + math.floor(t[2] / 1000))",
                                            "0"});
      return std::stoll(text);
    };
    const std::int64_t before = server_ms();
    ASSERT_EQ(server.Run(command).integers, std::vector<std::int64_t>{0});
    const std::int64_t after = server_ms();
    const std::int64_t left = server.Run({"PTTL", std::string(call.key(0))}).integers.at(0);
    const std::int64_t end = server_ms();
    // Written between `before` and `after`, read between `after` and `end`.
    const std::int64_t expected = cost * interval / 1'000'000 + 1;
    ASSERT_GE(left + end, before + expected) << "interval " << interval << ", cost " << cost;
    ASSERT_LE(left + after, after + expected) << "interval " << interval << ", cost " << cost;
  }
}

}  // namespace
}  // namespace sluice::testing
