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
#include "core/repeat.h"
#include "limiter/verdict.h"
#include "store/id_table.h"
#include "store/memory_store.h"

namespace sluice {

/// Where the ids of checks are told apart.
struct IdScope {
  /// Whose ids: distinct limiters of one prefix distinctly. One for all plans of a limiter.
  std::string limiter;
  std::string plan;
};

/// Immutable but for its store; thread safe.
class MemoryLimiter {
 public:
  /// Preconditions: 1 to kMaxPolicies policies with distinct names.
  MemoryLimiter(std::vector<Policy> policies, std::shared_ptr<MemoryStore> store,
                std::string_view prefix, const IdScope& ids = {});

  /// The store's name for a caller; distinct bytes, distinct callers.
  KeyHash Hash(std::string_view key) const { return store_->Hash(key); }

  /// Decides and charges. `costs` has one entry per policy, 0 <= cost < 2^31; now >= 0. The quick
  /// way for one key and nothing else to say.
  void Check(KeyHash key, std::span<const std::int64_t> costs, Nanos now, Verdict& verdict) const;
  /// Whether Check would admit it, described as by DescribePeek. Changes nothing.
  void Peek(KeyHash key, std::span<const std::int64_t> costs, Nanos now, Verdict& verdict) const;

  /// Who is limited: one key for all policies, or one for each.
  using Keys = std::span<const KeyHash>;

  void Check(Keys keys, const MemoryStore::Question& question, Nanos now, Verdict& verdict) const;
  void Peek(Keys keys, const MemoryStore::Question& question, Nanos now, Verdict& verdict) const;
  /// A check that is charged once: asked again under its id within kIdLife (core/repeat.h), it is
  /// admitted and charged nothing, but for slots that are no longer held. Denials are not
  /// remembered. False, and nothing is done: the id was charged for something else.
  bool CheckOnce(Keys keys, const MemoryStore::Question& question, std::string_view id, Nanos now,
                 Verdict& verdict) const;
  /// Has the id be judged anew: what was charged under it is given back.
  void ForgetId(Keys keys, std::string_view id, Nanos now) const;
  // As MemoryStore.
  void Debit(Keys keys, std::span<const std::int64_t> units, Nanos now) const;
  void Credit(Keys keys, std::span<const std::int64_t> units, std::span<const std::int64_t> marks,
              Nanos now) const;
  /// `limits`: those of the call that gave up.
  bool Abort(Keys keys, std::span<const std::int64_t> units, std::span<const std::int64_t> marks,
             const Limits& limits, Nanos now) const;
  bool Release(Keys keys, HolderId holder, Nanos now) const;
  bool Renew(Keys keys, HolderId holder, Nanos now) const;
  /// `which`: the policies whose state is blocked, one bit each; 0: all of them.
  void Block(Keys keys, PolicyBits which, Nanos span, Nanos now) const;
  void Unblock(Keys keys, PolicyBits which) const;
  void Reset(Keys keys) const;

  const std::vector<Policy>& policies() const { return policies_; }
  MemoryStore& store() const { return *store_; }

 private:
  class Subject;
  void Open(Verdict& verdict) const;
  IdTable::Name NameOf(Keys keys, std::string_view id) const;
  std::uint64_t PrintOf(std::span<const Ask> asks) const;
  PolicyBits SlotsGone(Keys keys, const IdTable::Entry& entry, Nanos now) const;
  void Repeat(Keys keys, const MemoryStore::Question& question, const IdTable::Entry& entry,
              Nanos now, Verdict& verdict) const;

  std::vector<Policy> policies_;
  std::vector<KeyHash> scopes_;
  KeyHash id_scope_;
  KeyHash plan_;
  bool plain_;  // whether all policies are IsPlainTat
  std::shared_ptr<MemoryStore> store_;
};

}  // namespace sluice
