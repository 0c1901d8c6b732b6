// What a limiter over Redis does in this process while Redis does not answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "limiter/memory_limiter.h"
#include "limiter/redis_limiter.h"

namespace sluice {

/// Thread safe.
class LocalFallback {
 public:
  /// One for all policies, or one for each.
  class Keys {
   public:
    std::span<const KeyHash> all() const { return many_.empty() ? std::span(&one_, 1) : many_; }

   private:
    friend class LocalFallback;
    KeyHash one_;
    std::vector<KeyHash> many_;
  };

  /// `share`: of the limits that single calls bring. See RedisLimiter::Options.
  LocalFallback(const std::vector<Policy>& policies, double share,
                const std::shared_ptr<MemoryStore>& store, std::string_view prefix,
                const IdScope& ids)
      : limiter_(policies, store, prefix, ids), share_(share) {}

  Keys KeysOf(const RedisLimiter::Question& question) const;
  /// A check or peek, decided here. The question's own key is not looked at. False: the check was
  /// not decided, as its id was charged here for something else.
  bool Decide(const RedisLimiter::Question& question, const Keys& keys, Nanos now,
              Verdict& verdict) const;
  /// Undoes, or goes on with, what was charged here. For kRelease and kRenew: Answer::done.
  bool Do(const RedisLimiter::Question& question, const Keys& keys, Nanos now) const;
  /// Does here too what is done in Redis, where it would be wrong to forget it when Redis is away:
  /// kReset, kBlock, kUnblock.
  void Follow(const RedisLimiter::Question& question, const Keys& keys, Nanos now) const;

 private:
  Operation OperationOf(const RedisLimiter::Question& question) const;
  std::int64_t ShareOf(std::int64_t limit, const Algorithm& algorithm) const;

  MemoryLimiter limiter_;
  double share_;
};

}  // namespace sluice
