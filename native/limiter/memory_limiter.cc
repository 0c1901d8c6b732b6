// Binds policies to the states that they have in a memory store.
#include "limiter/memory_limiter.h"

#include <utility>

namespace sluice {

MemoryLimiter::MemoryLimiter(std::vector<Policy> policies, std::shared_ptr<MemoryStore> store,
                             std::string_view prefix)
    : policies_(std::move(policies)), store_(std::move(store)) {
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
}

void MemoryLimiter::Check(KeyHash key, std::span<const std::int64_t> costs, Nanos now,
                          Verdict& verdict) const {
  verdict.source = Source::kStore;
  verdict.count = static_cast<std::uint8_t>(policies_.size());
  verdict.allowed = store_->Check(key, policies_, scopes_, costs, now, verdict.Decisions());
  verdict.binding = static_cast<std::uint8_t>(BindingPolicy(verdict.Decisions()));
}

void MemoryLimiter::Peek(KeyHash key, std::span<const std::int64_t> costs, Nanos now,
                         Verdict& verdict) const {
  verdict.source = Source::kStore;
  verdict.count = static_cast<std::uint8_t>(policies_.size());
  verdict.allowed = store_->Peek(key, policies_, scopes_, costs, now, verdict.Decisions());
  verdict.binding = static_cast<std::uint8_t>(BindingPolicy(verdict.Decisions()));
}

void MemoryLimiter::Reset(KeyHash key) const { store_->Reset(key, scopes_); }

}  // namespace sluice
