// Policies over a memory store: what the addon and the simulator call when state is in this
// process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "limiter/verdict.h"
#include "store/memory_store.h"

namespace sluice {

/// Immutable but for its store; thread safe.
class MemoryLimiter {
 public:
  /// Preconditions: 1 to kMaxPolicies policies with distinct names.
  MemoryLimiter(std::vector<Policy> policies, std::shared_ptr<MemoryStore> store,
                std::string_view prefix);

  /// The store's name for a caller; distinct bytes, distinct callers.
  KeyHash Hash(std::string_view key) const { return store_->Hash(key); }

  /// Decides and charges. `costs` has one entry per policy, 0 <= cost < 2^31; now >= 0. The quick
  /// way for one key and nothing else to say.
  void Check(KeyHash key, std::span<const std::int64_t> costs, Nanos now, Verdict& verdict) const;
  /// What Check would answer; changes nothing.
  void Peek(KeyHash key, std::span<const std::int64_t> costs, Nanos now, Verdict& verdict) const;

  /// Who is limited: one key for all policies, or one for each.
  using Keys = std::span<const KeyHash>;

  void Check(Keys keys, const MemoryStore::Question& question, Nanos now, Verdict& verdict) const;
  void Peek(Keys keys, const MemoryStore::Question& question, Nanos now, Verdict& verdict) const;
  // As MemoryStore.
  void Debit(Keys keys, std::span<const std::int64_t> units, Nanos now) const;
  void Credit(Keys keys, std::span<const std::int64_t> units, std::span<const std::int64_t> marks,
              Nanos now) const;
  void Abort(Keys keys, std::span<const std::int64_t> units, std::span<const std::int64_t> marks,
             Nanos now) const;
  bool Release(Keys keys, HolderId holder, Nanos now) const;
  bool Renew(Keys keys, HolderId holder, Nanos now) const;
  /// `which`: the policies whose state is blocked, by index; all of them when empty.
  void Block(Keys keys, std::span<const std::size_t> which, Nanos span, Nanos now) const;
  void Unblock(Keys keys, std::span<const std::size_t> which) const;
  void Reset(Keys keys) const;

  const std::vector<Policy>& policies() const { return policies_; }
  MemoryStore& store() const { return *store_; }

 private:
  class Subject;
  bool IsQuick() const { return plain_ && store_->unblocked(); }
  void Open(Verdict& verdict) const;

  std::vector<Policy> policies_;
  std::vector<KeyHash> scopes_;
  bool plain_;  // whether all policies are IsPlainTat
  std::shared_ptr<MemoryStore> store_;
};

}  // namespace sluice
