// Binds policies to the states that they have in a memory store.
#include "limiter/memory_limiter.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "memory_subject.h"

namespace sluice {

namespace {

// Costs and nothing else to ask.
class Asks {
 public:
  explicit Asks(std::span<const std::int64_t> costs) : count_(costs.size()) {
    for (std::size_t i = 0; i < count_; ++i) asks_[i] = {.cost = costs[i], .limit = kOwnLimit};
  }
  MemoryStore::Question Question() const { return {.asks = std::span(asks_).first(count_)}; }

 private:
  std::array<Ask, kMaxPolicies> asks_;
  std::size_t count_;
};

}  // namespace

MemoryLimiter::MemoryLimiter(std::vector<Policy> policies, std::shared_ptr<MemoryStore> store,
                             std::string_view prefix, const IdScope& ids)
    : policies_(std::move(policies)),
      plain_(std::ranges::all_of(policies_, IsPlainTat)),
      store_(std::move(store)) {
  scopes_.reserve(policies_.size());
  for (const Policy& policy : policies_) {
    // Neither names nor tags hold a NUL, so distinct triples give distinct texts.
    std::string scope(prefix);
    scope.push_back('\0');
    scope.append(policy.name);
    scope.push_back('\0');
    scope.append(StateTag(policy.algorithm));
    // Hashed twice: the hash of this text alone is also that of a key, and whoever sends such keys
    // could make them meet.
    const KeyHash once = store_->Hash(scope);
    scopes_.push_back(store_->Hash({reinterpret_cast<const char*>(&once.bits), sizeof once.bits}));
  }
  std::string scope(prefix);
  scope.push_back('\0');
  scope.append(ids.limiter);
  id_scope_ = store_->Hash(scope);
  plan_ = store_->Hash(ids.plan);
}

void MemoryLimiter::Open(Verdict& verdict) const {
  verdict.source = Source::kStore;
  verdict.count = static_cast<std::uint8_t>(policies_.size());
  verdict.repeated = false;
}

void MemoryLimiter::Check(KeyHash key, std::span<const std::int64_t> costs, Nanos now,
                          Verdict& verdict) const {
  if (!plain_) return Check({&key, 1}, Asks(costs).Question(), now, verdict);
  Open(verdict);
  verdict.allowed = store_->Check(key, policies_, scopes_, costs, now, verdict.Decisions());
  verdict.Bind();
}

void MemoryLimiter::Peek(KeyHash key, std::span<const std::int64_t> costs, Nanos now,
                         Verdict& verdict) const {
  Peek({&key, 1}, Asks(costs).Question(), now, verdict);
}

void MemoryLimiter::Check(Keys keys, const MemoryStore::Question& question, Nanos now,
                          Verdict& verdict) const {
  Open(verdict);
  verdict.allowed = store_->Check(Subject(*this, keys).All(), question, now, verdict.Decisions());
  verdict.Bind();
}

void MemoryLimiter::Peek(Keys keys, const MemoryStore::Question& question, Nanos now,
                         Verdict& verdict) const {
  Open(verdict);
  verdict.allowed = store_->Peek(Subject(*this, keys).All(), question, now, verdict.Decisions());
  verdict.Bind();
}

void MemoryLimiter::Debit(Keys keys, std::span<const std::int64_t> units, Nanos now) const {
  store_->Debit(Subject(*this, keys).All(), units, now);
}

void MemoryLimiter::Credit(Keys keys, std::span<const std::int64_t> units,
                           std::span<const std::int64_t> marks, Nanos now) const {
  store_->Credit(Subject(*this, keys).All(), units, marks, now);
}

bool MemoryLimiter::Abort(Keys keys, std::span<const std::int64_t> units,
                          std::span<const std::int64_t> marks, const Limits& limits,
                          Nanos now) const {
  std::vector<Policy> policies = policies_;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (limits[i] == kOwnLimit) continue;
    if (const auto other = WithLimit(policies[i].algorithm, limits[i])) {
      policies[i].algorithm = *other;
    }
  }
  const Subject subject(*this, keys);
  return store_->Abort({.policies = policies, .entries = subject.All().entries}, units, marks, now);
}

bool MemoryLimiter::Release(Keys keys, HolderId holder, Nanos now) const {
  return store_->Release(Subject(*this, keys).All(), holder, now);
}

bool MemoryLimiter::Renew(Keys keys, HolderId holder, Nanos now) const {
  return store_->Renew(Subject(*this, keys).All(), holder, now);
}

void MemoryLimiter::Block(Keys keys, PolicyBits which, Nanos span, Nanos now) const {
  const Subject subject(*this, keys);
  if (which == 0) return store_->Block(subject.All(), span, now);
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if ((which >> i & 1) != 0) store_->Block(subject.Only(i), span, now);
  }
}

void MemoryLimiter::Unblock(Keys keys, PolicyBits which) const {
  const Subject subject(*this, keys);
  if (which == 0) return store_->Unblock(subject.All());
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if ((which >> i & 1) != 0) store_->Unblock(subject.Only(i));
  }
}

void MemoryLimiter::Reset(Keys keys) const { store_->Reset(Subject(*this, keys).All()); }

}  // namespace sluice
