// Reservations in the script: the same answers as a memory store's, whatever the order.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "limiter/memory_limiter.h"
#include "limiter/redis_decide.h"
#include "redis/lua_fixture.h"
#include "support/operations.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/vectors.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr Nanos kStart = days(20'000);

// One key in a memory store and in Redis.
class Both {
 public:
  Both(RedisServer& server, std::vector<Policy> policies, const std::string& key)
      : server_(server),
        key_(key),
        set_(std::make_shared<const redis::PolicySet>(policies, "p")),
        // Its clock reads the time since 1970, as the server's does.
        memory_(std::move(policies), std::make_shared<MemoryStore>(MemoryStore::Options{}), "p") {}

  Result InRedis(const Operation& operation, Nanos now) {
    redis::Request request;
    static_cast<Operation&>(request) = operation;
    request.set = set_;
    request.key = redis::EscapedKey(key_);
    redis::Completion completion = Run(request, now);
    if (completion.needs_ledgers) {
      request.route.ledgers = true;
      completion = Run(request, now);
    }
    EXPECT_EQ(completion.fault, redis::Fault::kNone) << completion.detail;
    Result result;
    result.Open(0);
    if (completion.hold) {
      result.hold = completion.hold->outcome;
      result.spent = completion.hold->spent;
      result.charged = completion.hold->units;
    }
    const HoldOutcome hold = result.hold;
    if (operation.decides() && hold == HoldOutcome::kOk) DecideByReply(request, completion, result);
    result.hold = hold;
    return result;
  }
  Result InMemory(const Operation& operation, Nanos now) {
    Result result;
    const KeyHash key = memory_.Hash(key_);
    memory_.Execute({&key, 1}, operation, now, result);
    return result;
  }
  const std::vector<Policy>& policies() const { return set_->policies(); }

 private:
  redis::Completion Run(const redis::Request& request, Nanos now) {
    return DecideOn(server_, ScriptAt(now.count()), {&request, 1})[0];
  }

  RedisServer& server_;
  const std::string key_;
  const std::shared_ptr<const redis::PolicySet> set_;
  const MemoryLimiter memory_;
};

std::string TextOf(const Operation& operation, const Result& result, std::size_t policies) {
  std::string text = "hold " + std::to_string(static_cast<int>(result.hold)) + ", spent " +
                     std::to_string(result.spent);
  const bool closes =
      operation.kind == Operation::Kind::kSettle || operation.kind == Operation::Kind::kCancel;
  if (closes && result.hold != HoldOutcome::kUnknown) {
    for (std::size_t i = 0; i < policies; ++i) {
      text += ", charged " + std::to_string(result.charged[i]);
    }
  }
  if (operation.decides() && result.hold == HoldOutcome::kOk) {
    text += result.allowed ? ", allowed" : ", denied";
    for (const Decision& decision : result.Decisions()) text += "; " + Text(decision);
  }
  return text;
}

class LuaReservations : public LuaFixture {
 protected:
  // A random operation on one of a few reservations.
  Operation RandomOperation(Random& random, std::size_t policies, std::uint64_t era) {
    constexpr std::array kKinds = {Kind::kReserve,    Kind::kReserve, Kind::kReserve, Kind::kExtend,
                                   Kind::kCheckpoint, Kind::kSettle,  Kind::kCancel,  Kind::kCheck,
                                   Kind::kPeek,       Kind::kDebit,   Kind::kCheck};
    const auto kind = kKinds[static_cast<std::size_t>(random.Between(0, kKinds.size() - 1))];
    std::array<std::int64_t, kMaxPolicies> costs{};
    for (std::size_t i = 0; i < policies; ++i) costs[i] = random.Between(0, 6);
    Operation::Options options{
        .holder = {.high = era, .low = static_cast<std::uint64_t>(random.Between(1, 5))},
        .which = static_cast<PolicyBits>(random.Between(0, 7)),
        .hold_for = microseconds(random.Magnitude(20'000'000)),
        .on_expire = static_cast<OnExpire>(random.Between(0, 2))};
    if (kind == Kind::kCheckpoint && random.OneIn(2)) options.hold_for = Micros{0};
    if (kind == Kind::kCheck) options.holder = {.high = 99, .low = ++checks_};
    return With(kind, Costs(std::span(costs).first(policies)), std::move(options));
  }

  std::uint64_t checks_ = 0;
};

TEST_F(LuaReservations, PassTheVectorsAsAMemoryStoreDoes) {
  const std::vector<ReservationVector> vectors = ReservationVectors();
  EXPECT_GE(vectors.size(), 40U);
  for (const ReservationVector& vector : vectors) {
    Both both(*server_, vector.policies, vector.name);
    for (std::size_t i = 0; i < vector.steps.size(); ++i) {
      const ReservationStep& step = vector.steps[i];
      const Nanos now = kStart + step.at;
      EXPECT_EQ(Differences(step, both.InMemory(step.operation, now)), "")
          << vector.name << ", step " << i << ", in memory";
      // Not an operation of the script.
      if (step.operation.kind == Operation::Kind::kReset) {
        server_->Run({"FLUSHALL"});
        continue;
      }
      EXPECT_EQ(Differences(step, both.InRedis(step.operation, now)), "")
          << vector.name << ", step " << i << ", in Redis";
    }
  }
}

TEST_F(LuaReservations, AnswerAsAMemoryStoreDoes) {
  Random random(TestSeed());
  constexpr int kStepsPerRound = 60;
  const int rounds = Steps(3'600) / kStepsPerRound;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Policy> policies;
    const auto count = static_cast<std::size_t>(random.Between(1, 3));
    for (std::size_t i = 0; i < count; ++i) {
      Policy& policy = policies.emplace_back(RandomMixedPolicy(random, "p" + std::to_string(i)));
      // A denied reservation would take a slot, and here its holder comes again.
      if (HoldsSlots(policy.algorithm)) policy.charge_denied = false;
    }
    std::string about;
    for (const Policy& policy : policies) about += Text(policy) + "\n";
    Both both(*server_, policies, "k" + std::to_string(round));
    Nanos now = kStart;
    std::string story;
    for (int step = 0; step < kStepsPerRound; ++step) {
      now += microseconds(random.OneIn(4) ? random.Magnitude(100'000'000) : random.Between(0, 999));
      const Operation operation = RandomOperation(random, count, 1 + step / 30);
      const Result redis = both.InRedis(operation, now);
      const Result memory = both.InMemory(operation, now);
      story += std::to_string((now - kStart).count()) + " kind " +
               std::to_string(static_cast<int>(operation.kind)) + " id " +
               std::to_string(operation.holder().low) + " costs " +
               std::to_string(operation.costs[0]) + " " + std::to_string(operation.costs[1]) + " " +
               std::to_string(operation.costs[2]) + " for " +
               std::to_string(operation.options->hold_for.count()) + " rule " +
               std::to_string(static_cast<int>(operation.options->on_expire)) + " -> " +
               TextOf(operation, memory, count) + "\n";
      ASSERT_EQ(TextOf(operation, redis, count), TextOf(operation, memory, count))
          << "round " << round << " step " << step << "\n"
          << about << story;
    }
  }
}

}  // namespace
}  // namespace sluice::testing
