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
#include "support/operations.h"
#include "support/subject.h"

namespace sluice::testing {

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
    return Decide(Operation::Kind::kCheck, question, now, decisions);
  }
  bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) override {
    return Decide(Operation::Kind::kPeek, question, now, decisions);
  }
  void Debit(Units units, Nanos now) override {
    Do(Plain(Operation::Kind::kDebit, Costs(units)), now);
  }
  void Credit(Units units, Marks marks, Nanos now) override {
    if (marks.empty()) return void(Do(Plain(Operation::Kind::kCredit, Costs(units)), now));
    Do(With(Operation::Kind::kCredit, Costs(units), {.marks = MarksOf(marks)}), now);
  }
  bool Abort(Units units, Marks marks, Nanos now) override {
    return Do(With(Operation::Kind::kAbort, Costs(units), {.marks = MarksOf(marks)}), now);
  }
  bool Release(HolderId holder, Nanos now) override {
    return Do(With(Operation::Kind::kRelease, 0, {.holder = holder}), now);
  }
  bool Renew(HolderId holder, Nanos now) override {
    return Do(With(Operation::Kind::kRenew, 0, {.holder = holder}), now);
  }
  void Block(std::span<const std::size_t> which, Nanos span, Nanos now) override {
    if (which.empty()) return;  // no bits mean all policies
    Do(With(Operation::Kind::kBlock, 0, {.block_for = span, .which = BitsOf(which)}), now);
  }
  void Unblock(std::span<const std::size_t> which, Nanos now) override {
    if (which.empty()) return;
    Do(With(Operation::Kind::kUnblock, 0, {.which = BitsOf(which)}), now);
  }
  void Reset(Nanos now) override { Do(Plain(Operation::Kind::kReset), now); }

 private:
  bool Do(const Operation& operation, Nanos now) {
    limiter_->Execute({&key_, 1}, operation, now + kClockLead, result_);
    return result_.done;
  }
  bool Decide(Operation::Kind kind, const Question& question, Nanos now,
              std::span<Decision> decisions) {
    Operation operation = Asked(kind, question);
    if (AsksQuickly(question)) operation.options = nullptr;
    Do(operation, now);
    std::ranges::copy(result_.Decisions(), decisions.begin());
    return result_.allowed;
  }
  bool AsksQuickly(const Question& question) const {
    bool quick = quick_ && question.max_wait == kNoWait;
    for (const Ask& ask : question.asks) quick = quick && ask.limit == kOwnLimit;
    for (const Policy& policy : limiter_->policies()) {
      quick = quick && !std::holds_alternative<Concurrency>(policy.algorithm);  // needs a holder
    }
    return quick;
  }

  std::shared_ptr<MemoryStore> store_;
  KeyHash key_;
  bool quick_;
  std::unique_ptr<MemoryLimiter> limiter_;
  Result result_;
};

/// A key of a store of its own.
inline std::unique_ptr<Subject> FreshKey() {
  return std::make_unique<MemorySubject>(
      std::make_shared<MemoryStore>(MemoryStore::Options{.wall_offset = -kClockLead}), "k", true);
}

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

/// Policies over a memory store. Thread safe, as the store is.
class OnStore {
 public:
  OnStore(MemoryStore& store, std::vector<Policy> policies)
      : store_(store), bound_(store, std::move(policies), "test") {}

  Result Do(std::string_view key, const Operation& operation, Nanos now) const {
    Result result;
    const KeyHash hash = store_.Hash(key);
    store_.Execute(bound_, {&hash, 1}, operation, now, result);
    return result;
  }

 private:
  MemoryStore& store_;
  BoundPolicies bound_;
};

/// One policy: the shortest way to ask.
class OnePolicy : public OnStore {
 public:
  OnePolicy(MemoryStore& store, const Policy& policy)
      : OnStore(store, {policy}), limit_(LimitOf(policy.algorithm)) {}

  bool Take(std::string_view key, std::int64_t cost, Nanos now, HolderId holder = {}) const {
    return Do(key, holder == HolderId{} ? CheckOf(cost) : CheckOf(cost, holder), now).allowed;
  }
  Decision Look(std::string_view key, std::int64_t cost, Nanos now) const {
    return Do(key, PeekOf(cost), now).decisions[0];
  }
  std::int64_t Remaining(std::string_view key, Nanos now) const {
    return Look(key, 0, now).remaining;
  }
  /// The units taken of the key's limit that have not come back.
  std::int64_t Used(std::string_view key, Nanos now) const { return limit_ - Remaining(key, now); }
  bool Release(std::string_view key, HolderId holder, Nanos now) const {
    return Do(key, With(Operation::Kind::kRelease, 0, {.holder = holder}), now).done;
  }
  void Block(std::string_view key, Nanos span, Nanos now) const {
    Do(key, With(Operation::Kind::kBlock, 0, {.block_for = span}), now);
  }
  void Reset(std::string_view key) const { Do(key, Plain(Operation::Kind::kReset), Nanos{0}); }

 private:
  std::int64_t limit_;
};

}  // namespace sluice::testing
