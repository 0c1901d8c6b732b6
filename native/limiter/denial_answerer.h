// The denial cache as a local answerer.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "limiter/denial_cache.h"
#include "limiter/key_changes.h"
#include "local_answerer.h"
#include "store/clock.h"

namespace sluice {

/// Repeats recent denials of the store.
class DenialAnswerer final : public LocalAnswerer {
 public:
  /// Precondition: DenialCache::Suits(policies). `clock`: that of Request::asked.
  DenialAnswerer(std::vector<Policy> policies, std::shared_ptr<const Clock> clock,
                 std::shared_ptr<const KeyChanges> changes)
      : cache_(std::move(policies)), clock_(std::move(clock)), changes_(std::move(changes)) {}

  bool Answer(const redis::Request& request, Result& result) override;
  void OnDecision(const redis::Finished& finished, const Result& result) override;

 private:
  DenialCache cache_;
  const std::shared_ptr<const Clock> clock_;
  const std::shared_ptr<const KeyChanges> changes_;
};

}  // namespace sluice
