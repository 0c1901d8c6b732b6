// A limiter over a Redis that the test plays, at times that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limiter/redis_limiter.h"
#include "support/operations.h"
#include "support/policies.h"

namespace sluice::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Keeps the requests until the test answers them.
class FakeBackend final : public redis::Backend {
 public:
  void Submit(std::vector<redis::Request>&& requests) override {
    ++submissions;
    for (redis::Request& request : requests) pending.push_back(std::move(request));
  }
  void Publish(const std::shared_ptr<const redis::Metadata>& /*metadata*/) override {}
  std::vector<redis::NodeStats> stats() const override { return {}; }
  void Watch(const std::shared_ptr<redis::Watcher>& /*watcher*/) override {}

  /// Answers the oldest request: with the backlog of all policies, or as the test says.
  void Reply(Nanos backlog = Nanos{0}) {
    redis::Completion completion;
    completion.at = Micros{1'000'000'000};
    completion.readings.Resize(pending.front().set->size());
    for (std::size_t i = 0; i < pending.front().set->size(); ++i) {
      completion.readings[i] = {.numbers = {backlog.count(), 0, 0}};
    }
    Complete(std::move(completion));
  }
  void Fail(redis::Fault fault) {
    redis::Completion completion;
    completion.fault = fault;
    completion.detail = "made up";
    Complete(std::move(completion));
  }
  void Complete(redis::Completion completion) {
    const auto sink = std::exchange(pending.front().sink, nullptr);
    redis::Finished finished(std::move(pending.front()), std::move(completion));
    pending.erase(pending.begin());
    sink->Deliver({&finished, 1});
  }

  std::vector<redis::Request> pending;
  int submissions = 0;
};

/// The last answer that came.
class LastAnswer final : public AnswerSink {
 public:
  void Deliver(std::span<const Answer> answers) override {
    for (const Answer& answer : answers) last = answer;
  }
  Answer Take() {
    EXPECT_TRUE(last) << "no answer came";
    return *std::exchange(last, std::nullopt);
  }

  std::optional<Answer> last;
};

class RedisLimiterTest : public ::testing::Test {
 protected:
  using Kind = Operation::Kind;

  static constexpr Nanos kSecond = seconds(1);

  /// Five units, and one more each second.
  static RedisLimiter::Options Defaults() {
    RedisLimiter::Options options;
    options.policies = {BucketPolicy("a", 5, 1, seconds(1))};
    options.prefix = "p";
    options.local_policies = options.policies;
    options.ids = {.limiter = "L", .plan = "pro"};
    return options;
  }

  /// A limiter of this process, unless `options` brings another process's KeyChanges.
  std::unique_ptr<RedisLimiter> Make(RedisLimiter::Options options = Defaults()) {
    options.clock = clock_;
    options.local_clock = clock_;
    if (!options.changes) options.changes = changes_;
    options.local = local_;
    return std::make_unique<RedisLimiter>(options, backend_, answers_);
  }

  /// The answer if the limiter gives it at once.
  static std::optional<Answer> Ask(RedisLimiter& limiter, Operation operation,
                                   const RedisLimiter::Key& key = {.one = "k"},
                                   std::uint64_t ticket = 7) {
    Answer answer;
    if (limiter.Ask(std::move(operation), key, ticket, answer)) return answer;
    return std::nullopt;
  }
  /// Asks, sends and has Redis answer.
  Answer AskRedis(RedisLimiter& limiter, Operation operation, Nanos backlog = Nanos{0},
                  const RedisLimiter::Key& key = {.one = "k"}) {
    EXPECT_FALSE(Ask(limiter, std::move(operation), key)) << "answered without Redis";
    limiter.Flush();
    backend_->Reply(backlog);
    return answers_->Take();
  }
  Answer AskInVain(RedisLimiter& limiter, Operation operation,
                   redis::Fault fault = redis::Fault::kTimeout) {
    EXPECT_FALSE(Ask(limiter, std::move(operation)));
    limiter.Flush();
    backend_->Fail(fault);
    return answers_->Take();
  }
  /// Has Redis deny a check of one unit: the next is free in a second.
  void Deny(RedisLimiter& limiter, const RedisLimiter::Key& key = {.one = "k"}) {
    EXPECT_FALSE(AskRedis(limiter, CheckOf(1), seconds(5), key).result.allowed);
  }

  std::shared_ptr<ManualClock> clock_ = [] {
    auto clock = std::make_shared<ManualClock>();
    clock->Set(seconds(100));
    return clock;
  }();
  std::shared_ptr<KeyChanges> changes_ = std::make_shared<KeyChanges>();
  std::shared_ptr<MemoryStore> local_ = std::make_shared<MemoryStore>(MemoryStore::Options{});
  std::shared_ptr<FakeBackend> backend_ = std::make_shared<FakeBackend>();
  std::shared_ptr<LastAnswer> answers_ = std::make_shared<LastAnswer>();
};

}  // namespace sluice::testing
