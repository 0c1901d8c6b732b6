// What a memory limiter asks its store about.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "limiter/memory_limiter.h"

namespace sluice {

// The limiter's policies, or some of them, with the states of one call's keys.
class MemoryLimiter::Subject {
 public:
  Subject(const MemoryLimiter& limiter, Keys keys) : policies_(limiter.policies_) {
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      entries_[i] = EntryOf(keys.size() == 1 ? keys[0] : keys[i], limiter.scopes_[i]);
    }
  }

  MemoryStore::Subject All() const {
    return {.policies = policies_, .entries = std::span(entries_).first(policies_.size())};
  }
  MemoryStore::Subject Only(std::size_t i) const {
    return {.policies = policies_.subspan(i, 1), .entries = std::span(entries_).subspan(i, 1)};
  }

 private:
  std::span<const Policy> policies_;
  std::array<EntryHash, kMaxPolicies> entries_;
};

}  // namespace sluice
