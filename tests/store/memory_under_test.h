// A memory store for the tests of this folder.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "limiter/memory_limiter.h"
#include "store/memory_store.h"
#include "store/store_contract.h"
#include "support/subject.h"

namespace sluice::testing {

/// The scope of each policy, by name and tag, like a limiter's.
inline std::vector<KeyHash> ScopesOf(const MemoryStore& store, std::span<const Policy> policies) {
  std::vector<KeyHash> scopes;
  for (const Policy& policy : policies) {
    scopes.push_back(store.Hash(policy.name + '\0' + std::string(StateTag(policy.algorithm))));
  }
  return scopes;
}

/// The lead of the store's clock over the tests' clock, while its wall clock has none: its clock
/// may count from anywhere. Above 2^53 ns, where marks need all their bits.
inline constexpr Nanos kClockLead = std::chrono::seconds(9'007'200);

/// One key of a memory store, through a limiter. The store's wall_offset must be -kClockLead.
class MemorySubject final : public Subject {
 public:
  /// `quick`: use the quick path wherever possible.
  MemorySubject(std::shared_ptr<MemoryStore> store, std::string_view key, bool quick)
      : store_(std::move(store)), key_(store_->Hash(key)), quick_(quick) {}

  Nanos tick() const override { return Nanos{1}; }
  void Use(const std::vector<Policy>& policies) override {
    limiter_ = std::make_unique<MemoryLimiter>(policies, store_, "test");
  }
  bool Check(const Question& question, Nanos now, std::span<Decision> decisions) override {
    Verdict verdict;
    if (AsksQuickly(question)) {
      limiter_->Check(key_, CostsOf(question), now + kClockLead, verdict);
    } else {
      limiter_->Check({&key_, 1}, Asked(question), now + kClockLead, verdict);
    }
    return Told(verdict, decisions);
  }
  bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) override {
    Verdict verdict;
    if (AsksQuickly(question)) {
      limiter_->Peek(key_, CostsOf(question), now + kClockLead, verdict);
    } else {
      limiter_->Peek({&key_, 1}, Asked(question), now + kClockLead, verdict);
    }
    return Told(verdict, decisions);
  }
  void Debit(Units units, Nanos now) override {
    limiter_->Debit({&key_, 1}, units, now + kClockLead);
  }
  void Credit(Units units, Marks marks, Nanos now) override {
    limiter_->Credit({&key_, 1}, units, marks, now + kClockLead);
  }
  bool Abort(Units units, Marks marks, Nanos now) override {
    return limiter_->Abort({&key_, 1}, units, marks, kOwnLimits, now + kClockLead);
  }
  bool Release(HolderId holder, Nanos now) override {
    return limiter_->Release({&key_, 1}, holder, now + kClockLead);
  }
  bool Renew(HolderId holder, Nanos now) override {
    return limiter_->Renew({&key_, 1}, holder, now + kClockLead);
  }
  void Block(std::span<const std::size_t> which, Nanos span, Nanos now) override {
    const PolicyBits bits = BitsOf(which);
    if (bits != 0) limiter_->Block({&key_, 1}, bits, span, now + kClockLead);  // 0 means all there
  }
  void Unblock(std::span<const std::size_t> which, Nanos /*now*/) override {
    const PolicyBits bits = BitsOf(which);
    if (bits != 0) limiter_->Unblock({&key_, 1}, bits);
  }
  void Reset(Nanos /*now*/) override { limiter_->Reset({&key_, 1}); }

 private:
  bool AsksQuickly(const Question& question) const {
    bool quick = quick_ && question.max_wait == kNoWait;
    for (const Ask& ask : question.asks) quick = quick && ask.limit == kOwnLimit;
    for (const Policy& policy : limiter_->policies()) {
      quick = quick && !std::holds_alternative<Concurrency>(policy.algorithm);  // needs a holder
    }
    return quick;
  }
  static std::vector<std::int64_t> CostsOf(const Question& question) {
    std::vector<std::int64_t> costs;
    for (const Ask& ask : question.asks) costs.push_back(ask.cost);
    return costs;
  }
  static MemoryStore::Question Asked(const Question& question) {
    return {.asks = question.asks, .max_wait = question.max_wait, .holder = question.holder};
  }
  static bool Told(const Verdict& verdict, std::span<Decision> decisions) {
    std::ranges::copy(verdict.Decisions(), decisions.begin());
    return verdict.allowed;
  }

  std::shared_ptr<MemoryStore> store_;
  KeyHash key_;
  bool quick_;
  std::unique_ptr<MemoryLimiter> limiter_;
};

class MemoryUnderTest final : public StoreUnderTest {
 public:
  MemoryUnderTest(MemoryStore::Options options, bool quick) : quick_(quick) {
    options.wall_offset = -kClockLead;
    store_ = std::make_shared<MemoryStore>(options);
  }

  std::unique_ptr<Subject> Key(std::string_view key) override {
    return std::make_unique<MemorySubject>(store_, key, quick_);
  }

 private:
  std::shared_ptr<MemoryStore> store_;
  bool quick_;
};

/// One policy over a memory store, with the shortest calls. Thread safe, as the store is.
class OnePolicy {
 public:
  OnePolicy(MemoryStore& store, Policy policy)
      : store_(store), policy_{std::move(policy)}, scope_(ScopesOf(store, policy_)) {}

  bool Take(std::string_view key, std::int64_t cost, Nanos now, HolderId holder = {}) {
    Decision decision;
    if (IsPlainTat(policy_[0])) {
      return store_.Check(store_.Hash(key), policy_, scope_, {&cost, 1}, now, {&decision, 1});
    }
    const Ask ask{.cost = cost};
    const EntryHash entry = EntryOf(store_.Hash(key), scope_[0]);
    return store_.Check(Subject(entry), {.asks = {&ask, 1}, .holder = holder}, now, {&decision, 1});
  }
  Decision Look(std::string_view key, std::int64_t cost, Nanos now) const {
    Decision decision;
    const Ask ask{.cost = cost};
    const EntryHash entry = EntryOf(store_.Hash(key), scope_[0]);
    store_.Peek(Subject(entry), {.asks = {&ask, 1}}, now, {&decision, 1});
    return decision;
  }
  std::int64_t Remaining(std::string_view key, Nanos now) const {
    return Look(key, 0, now).remaining;
  }
  /// The used units of the key's limit that have not flowed back.
  std::int64_t Used(std::string_view key, Nanos now) const {
    return LimitOf(policy_[0].algorithm) - Remaining(key, now);
  }
  bool Release(std::string_view key, HolderId holder, Nanos now) {
    const EntryHash entry = EntryOf(store_.Hash(key), scope_[0]);
    return store_.Release(Subject(entry), holder, now);
  }
  void Block(std::string_view key, Nanos span, Nanos now) {
    const EntryHash entry = EntryOf(store_.Hash(key), scope_[0]);
    store_.Block(Subject(entry), span, now);
  }
  void Reset(std::string_view key) {
    const EntryHash entry = EntryOf(store_.Hash(key), scope_[0]);
    store_.Reset(Subject(entry));
  }

 private:
  MemoryStore::Subject Subject(const EntryHash& entry) const {
    return {.policies = policy_, .entries = {&entry, 1}};
  }

  MemoryStore& store_;
  std::vector<Policy> policy_;
  std::vector<KeyHash> scope_;
};

}  // namespace sluice::testing
