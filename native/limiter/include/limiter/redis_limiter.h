// Policies over Redis, and the rule for when Redis does not answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limiter/memory_limiter.h"
#include "limiter/verdict.h"
#include "redis/gateway.h"
#include "redis/request.h"

namespace sluice {

/// What a check comes to when the store does not answer it in time.
enum class StoreErrorRule : std::uint8_t {
  kLocal = 0,  ///< decide in this process, by the same policies
  kAllow = 1,
  kDeny = 2,
  kThrow = 3,  ///< hand the fault on
};

/// The answer to one question.
struct Answer {
  std::uint64_t ticket = 0;  ///< as submitted
  /// kNone, or why the store did not answer.
  redis::Fault fault = redis::Fault::kNone;
  std::string detail;
  /// Whether `verdict` is set: always for a check or peek, except for a fault under kThrow.
  bool decided = false;
  /// kRelease, kRenew: whether the holder still had all of its slots. kAbort: false if some policy
  /// kept its charge because others wait behind it.
  bool done = false;
  /// A check that was not decided, whatever the failure rule: its id was charged for another cost,
  /// other limits or another plan.
  bool id_reused = false;
  Verdict verdict;
};

/// Where answers go. Deliver is called on the I/O thread, or, for what this process does alone
/// (charged_by, kCache), by Submit; it must neither block nor throw, nor keep references.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void Deliver(std::span<const Answer> answers) = 0;
};

/// Thread safe.
class RedisLimiter {
 public:
  struct Options {
    std::vector<Policy> policies;  ///< 1 to kMaxPolicies with distinct names
    std::string prefix;
    StoreErrorRule on_store_error = StoreErrorRule::kLocal;
    Nanos deadline = std::chrono::milliseconds(100);
    /// Decides under kLocal. Needed for no other rule.
    std::shared_ptr<MemoryStore> local;
    /// What it decides by: `policies` at this process's share of their limits and rates. As many,
    /// with the same names and algorithms.
    std::vector<Policy> local_policies;
    /// That share, 0 < share <= 1, of the limits that single calls bring: rounded down, at least 1
    /// but for a limit of 0.
    double local_share = 1;
    /// Whether denials of a moment ago answer who asks again (limiter/denial_cache.h).
    bool denial_cache = true;
    IdScope ids;
    /// What tools that look at the server are told of the limiter (redis/notices.h). Empty:
    /// nothing.
    std::string description;
    /// Names of policies and what their numbers are, in a text that other processes write alike:
    /// what Redis holds of them is compared.
    std::vector<std::pair<std::string, std::string>> numbers{};
  };

  /// What few questions say; see redis::Details.
  struct Details {
    std::vector<std::string> keys;
    std::optional<std::string> shard;
    Limits limits = kOwnLimits;
    Nanos max_wait = kNoWait;
    std::optional<std::array<std::int64_t, kMaxPolicies>> marks;
    HolderId holder;
    Nanos block_for{0};
    std::uint32_t which = 0;
    /// kCheck: by this it is charged once, and sent again if its answer is lost
    /// (redis::Details::id). Any bytes. kDebit, kCredit: likewise, random. kAbort: of the check,
    /// which is then forgotten.
    std::string id;
    /// kCredit, kAbort, kRelease, kRenew: who made the charge. kLocal: this process, which then
    /// undoes it; Redis is not asked.
    Source charged_by = Source::kStore;
  };

  /// A question: `kind`, `key` and `costs` as in redis::Request; `ticket` comes back with the
  /// answer.
  struct Question {
    redis::Request::Kind kind = redis::Request::Kind::kCheck;
    std::string key;
    Costs costs;
    std::unique_ptr<Details> details;  ///< null: nothing else to say
    std::uint64_t ticket = 0;
  };

  /// The failure rule decides kCheck and kPeek alone, after Options::deadline. The other kinds are
  /// tried for as long as this and then answered with the fault.
  static constexpr Nanos kLastingDeadline = std::chrono::seconds(5);

  RedisLimiter(const Options& options, std::shared_ptr<redis::Gateway> gateway,
               std::shared_ptr<AnswerSink> answers);
  ~RedisLimiter();
  RedisLimiter(const RedisLimiter&) = delete;
  RedisLimiter& operator=(const RedisLimiter&) = delete;

  /// Asks at `now` (MonotonicClock). Each question is answered exactly once, through `answers`, by
  /// its deadline plus scheduling. Questions handed over together travel together; they are moved
  /// from.
  void Submit(std::span<Question> questions, Nanos now);

  const std::vector<Policy>& policies() const { return set_->policies(); }
  redis::Gateway& gateway() const { return *gateway_; }

 private:
  class Desk;

  std::shared_ptr<const redis::PolicySet> set_;
  std::shared_ptr<redis::Gateway> gateway_;
  Nanos deadline_;
  std::shared_ptr<Desk> desk_;
  std::vector<std::shared_ptr<const redis::Notice>> notices_;
};

}  // namespace sluice
