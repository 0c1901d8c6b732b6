// The states that one operation works on. Private to the store.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "core/policy.h"
#include "store/bound_policies.h"
#include "store/hashes.h"

namespace sluice {

/// One state, and the entries that must not be evicted for it.
struct Place {
  EntryHash entry;
  const Algorithm& algorithm;
  std::span<const EntryHash> spared;
};

/// The entries of an operation's keys under each policy. Keeps references; as short-lived as the
/// call.
class Target {
 public:
  /// `keys`: one for all policies, or one for each.
  Target(const BoundPolicies& bound, std::span<const KeyHash> keys) : bound_(bound), keys_(keys) {
    for (std::size_t i = 0; i < size(); ++i) {
      entries_[i] = EntryOf(keys.size() == 1 ? keys[0] : keys[i], bound.scopes()[i]);
    }
  }

  std::size_t size() const { return bound_.size(); }
  const BoundPolicies& bound() const { return bound_; }
  std::span<const KeyHash> keys() const { return keys_; }
  std::span<const Policy> policies() const { return bound_.policies(); }
  std::span<const EntryHash> entries() const { return std::span(entries_).first(size()); }
  const Algorithm& algorithm(std::size_t i) const { return bound_.policies()[i].algorithm; }
  EntryHash entry(std::size_t i) const { return entries_[i]; }
  Place place(std::size_t i) const { return {entry(i), algorithm(i), entries()}; }

 private:
  const BoundPolicies& bound_;
  std::span<const KeyHash> keys_;
  std::array<EntryHash, kMaxPolicies> entries_;  // size() of them are set
};

}  // namespace sluice
