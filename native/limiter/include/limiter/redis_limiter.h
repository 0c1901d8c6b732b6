// Policies over Redis, and the rule for when Redis does not answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/operation.h"
#include "core/result.h"
#include "limiter/key_changes.h"
#include "redis/backend.h"
#include "redis/request.h"
#include "store/clock.h"
#include "store/memory_store.h"

namespace sluice {

/// The outcome of a check that the store does not answer in time.
enum class StoreErrorRule : std::uint8_t {
  kLocal = 0,  ///< decide in this process, by the same policies
  kAllow = 1,
  kDeny = 2,
  kThrow = 3,  ///< report the fault
};

/// The answer to one operation.
struct Answer {
  std::uint64_t ticket = 0;  ///< as asked
  /// kNone, or why the store did not answer.
  redis::Fault fault = redis::Fault::kNone;
  std::string detail;
  /// Whether `result` holds a decision. Always for a check or peek, except for a fault under
  /// kThrow, keys in several slots of a cluster, and an id reused.
  bool decided = false;
  /// For an operation on a reservation that was answered without a decision: the number of its
  /// policies, for which `result` says how the reservation stands. Else 0.
  std::size_t held_policies = 0;
  Result result;
};

/// Receives the answers that RedisLimiter::Ask did not give.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  /// Called on the thread of the backend. Must neither block nor throw, nor keep references.
  virtual void Deliver(std::span<const Answer> answers) = 0;
};

/// Belongs to one thread.
class RedisLimiter {
 public:
  struct Options {
    std::vector<Policy> policies;  ///< 1 to kMaxPolicies with distinct names
    std::string prefix;
    StoreErrorRule on_store_error = StoreErrorRule::kLocal;
    Nanos deadline = std::chrono::milliseconds(100);
    /// The clock of deadlines and denials: that of the backend. Not null.
    std::shared_ptr<const Clock> clock;
    /// Shared by all limiters of a process. Not null.
    std::shared_ptr<KeyChanges> changes;
    /// Decides under kLocal. Needed for no other rule.
    std::shared_ptr<MemoryStore> local;
    /// The clock of `local`.
    std::shared_ptr<const Clock> local_clock;
    /// The policies of `local`: `policies` at this process's share of their limits and rates. As
    /// many, with the same names and algorithms.
    std::vector<Policy> local_policies;
    /// That share, 0 < share <= 1, of the limits that single calls bring: rounded down, at least 1
    /// except for a limit of 0.
    double local_share = 1;
    /// Whether recent denials answer repeated checks (limiter/denial_cache.h).
    bool denial_cache = true;
    IdScope ids{};
    /// The description of the limiter for tools that look at the server (redis/metadata.h). Empty:
    /// none.
    std::string description{};
    /// Names of policies, and their numbers in a text that all processes write alike, to compare
    /// with those in Redis.
    std::vector<std::pair<std::string, std::string>> numbers{};
  };

  /// The key of an operation, as the caller wrote it.
  struct Key {
    std::string one;                  ///< under all policies
    std::vector<std::string> each{};  ///< instead of `one`, if not empty: one per policy
    std::optional<std::string> shard{};
  };

  /// The failure rule decides checks and peeks alone, after Options::deadline. The other operations
  /// are tried for this long and then answered with the fault.
  static constexpr Nanos kLastingDeadline = std::chrono::seconds(5);

  RedisLimiter(const Options& options, std::shared_ptr<redis::Backend> backend,
               std::shared_ptr<AnswerSink> answers);
  ~RedisLimiter();
  RedisLimiter(const RedisLimiter&) = delete;
  RedisLimiter& operator=(const RedisLimiter&) = delete;

  /// Returns true, with the answer in `answer`, if this process can answer without the store. Else
  /// queues the operation; its answer then comes through the sink exactly once, by its deadline
  /// plus scheduling, even if the limiter is gone by then.
  bool Ask(Operation operation, const Key& key, std::uint64_t ticket, Answer& answer);
  /// Sends the queued operations, together. Returns how many.
  std::size_t Flush();

  const std::vector<Policy>& policies() const { return set_->policies(); }
  redis::Backend& backend() const { return *backend_; }

 private:
  class Core;

  redis::Request RequestOf(Operation&& operation, const Key& key) const;
  void PublishMetadata(const Options& options);

  const std::shared_ptr<const redis::PolicySet> set_;
  const std::shared_ptr<const Clock> clock_;
  const Nanos deadline_;
  const IdScope ids_;
  const std::shared_ptr<redis::Backend> backend_;
  const std::shared_ptr<Core> core_;
  std::vector<redis::Request> queued_;
  std::vector<std::shared_ptr<const redis::Metadata>> metadata_;
};

}  // namespace sluice
