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
    scopes_.push_back(store_->Hash(scope));
  }
}

void MemoryLimiter::Check(std::string_view key, std::span<const std::int64_t> costs, Nanos now,
                          Verdict& verdict) const {
  verdict.source = Source::kStore;
  verdict.count = static_cast<std::uint8_t>(policies_.size());
  const std::span decisions(verdict.decisions.data(), policies_.size());
  verdict.allowed = store_->Check(store_->Hash(key), policies_, scopes_, costs, now, decisions);
  verdict.binding = static_cast<std::uint8_t>(BindingPolicy(decisions));
}

void MemoryLimiter::Peek(std::string_view key, std::span<const std::int64_t> costs, Nanos now,
                         Verdict& verdict) const {
  verdict.source = Source::kStore;
  verdict.count = static_cast<std::uint8_t>(policies_.size());
  const std::span decisions(verdict.decisions.data(), policies_.size());
  verdict.allowed = store_->Peek(store_->Hash(key), policies_, scopes_, costs, now, decisions);
  verdict.binding = static_cast<std::uint8_t>(BindingPolicy(decisions));
}

void MemoryLimiter::Reset(std::string_view key) const { store_->Reset(store_->Hash(key), scopes_); }

}  // namespace sluice
