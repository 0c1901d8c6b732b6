// A memory store with a manual clock, as the tests of this folder use it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/memory_store.h"
#include "store/store_contract.h"

namespace sluice::testing {

/// Whose state each policy has: its name and tag, as a limiter does it.
inline std::vector<KeyHash> ScopesOf(const MemoryStore& store, std::span<const Policy> policies) {
  std::vector<KeyHash> scopes;
  for (const Policy& policy : policies) {
    scopes.push_back(store.Hash(policy.name + '\0' + std::string(StateTag(policy.algorithm))));
  }
  return scopes;
}

class MemoryUnderTest final : public StoreUnderTest {
 public:
  explicit MemoryUnderTest(const MemoryStore::Options& options) : store_(options) {}

  Nanos tick() const override { return Nanos{1}; }
  void SetTime(Nanos now) override { now_ = now; }
  bool Check(std::string_view key, std::span<const Policy> policies,
             std::span<const std::int64_t> costs, std::span<Decision> decisions) override {
    return store_.Check(store_.Hash(key), policies, ScopesOf(store_, policies), costs, now_,
                        decisions);
  }
  bool Peek(std::string_view key, std::span<const Policy> policies,
            std::span<const std::int64_t> costs, std::span<Decision> decisions) override {
    return store_.Peek(store_.Hash(key), policies, ScopesOf(store_, policies), costs, now_,
                       decisions);
  }
  void Reset(std::string_view key, std::span<const Policy> policies) override {
    store_.Reset(store_.Hash(key), ScopesOf(store_, policies));
  }

 private:
  MemoryStore store_;
  Nanos now_{0};
};

/// One policy over a memory store: the shortest way to ask. Thread safe, as the store is.
class OnePolicy {
 public:
  OnePolicy(MemoryStore& store, Policy policy)
      : store_(store), policy_{std::move(policy)}, scope_(ScopesOf(store, policy_)) {}

  bool Take(std::string_view key, std::int64_t cost, Nanos now) {
    Decision decision;
    return store_.Check(store_.Hash(key), policy_, scope_, {&cost, 1}, now, {&decision, 1});
  }
  std::int64_t Remaining(std::string_view key, Nanos now) const {
    const std::int64_t cost = 0;
    Decision decision;
    store_.Peek(store_.Hash(key), policy_, scope_, {&cost, 1}, now, {&decision, 1});
    return decision.remaining;
  }
  /// What has been taken of the key's capacity and not come back.
  std::int64_t Used(std::string_view key, Nanos now) const {
    return RuleOf(policy_[0].algorithm).capacity - Remaining(key, now);
  }
  void Reset(std::string_view key) { store_.Reset(store_.Hash(key), scope_); }

 private:
  MemoryStore& store_;
  std::vector<Policy> policy_;
  std::vector<KeyHash> scope_;
};

}  // namespace sluice::testing
