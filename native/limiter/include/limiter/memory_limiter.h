// Policies over a memory store.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/operation.h"
#include "core/result.h"
#include "store/bound_policies.h"
#include "store/memory_store.h"

namespace sluice {

/// Immutable but for its store; thread safe.
class MemoryLimiter {
 public:
  using Keys = MemoryStore::Keys;

  /// See BoundPolicies.
  MemoryLimiter(std::vector<Policy> policies, std::shared_ptr<MemoryStore> store,
                std::string_view prefix, const IdScope& ids = {})
      : store_(std::move(store)), bound_(*store_, std::move(policies), prefix, ids) {}

  /// The store's name for a key; distinct bytes, distinct keys.
  KeyHash Hash(std::string_view key) const { return store_->Hash(key); }
  /// See MemoryStore::Execute.
  void Execute(Keys keys, const Operation& operation, Nanos now, Result& result) const {
    store_->Execute(bound_, keys, operation, now, result);
  }

  const std::vector<Policy>& policies() const { return bound_.policies(); }

 private:
  std::shared_ptr<MemoryStore> store_;
  BoundPolicies bound_;
};

}  // namespace sluice
