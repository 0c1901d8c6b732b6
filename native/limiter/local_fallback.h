// Decisions of this process while the store fails.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "limiter/memory_limiter.h"
#include "local_answerer.h"
#include "store/clock.h"

namespace sluice {

/// Policies over a memory store of this process. Answers the operations on charges that it granted
/// itself, and mirrors kReset, kBlock and kUnblock, which must hold during an outage too.
class LocalFallback final : public LocalAnswerer {
 public:
  /// `share`: see RedisLimiter::Options. `clock`: that of the store.
  LocalFallback(const std::vector<Policy>& policies, double share,
                const std::shared_ptr<MemoryStore>& store, std::shared_ptr<const Clock> clock,
                std::string_view prefix, const IdScope& ids)
      : limiter_(policies, store, prefix, ids), share_(share), clock_(std::move(clock)) {}

  bool Answer(const redis::Request& request, Result& result) override;

  /// Decides a check or peek that the store did not answer.
  void Decide(const redis::Request& request, Result& result) const;

 private:
  void Execute(const redis::Request& request, const Operation& operation, Result& result) const;
  std::int64_t ShareOf(std::int64_t limit, const Algorithm& algorithm) const;

  const MemoryLimiter limiter_;
  const double share_;
  const std::shared_ptr<const Clock> clock_;
};

}  // namespace sluice
