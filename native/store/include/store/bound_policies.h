// The policies of one limiter, bound to a memory store.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "store/hashes.h"

namespace sluice {

class MemoryStore;

/// Tells the ids of checks apart, besides prefix and key.
struct IdScope {
  /// One per limiter of a prefix; the same for all plans of a limiter.
  std::string limiter;
  std::string plan;
};

/// Immutable. Fits no store but the one it was made for.
class BoundPolicies {
 public:
  /// Precondition: 1 to kMaxPolicies policies with distinct names.
  BoundPolicies(const MemoryStore& store, std::vector<Policy> policies, std::string_view prefix,
                const IdScope& ids = {});

  std::size_t size() const { return policies_.size(); }
  const std::vector<Policy>& policies() const { return policies_; }
  /// One per policy; see EntryOf.
  const std::vector<KeyHash>& scopes() const { return scopes_; }
  KeyHash id_scope() const { return id_scope_; }
  KeyHash plan() const { return plan_; }
  /// Whether all are IsPlainTat.
  bool plain() const { return plain_; }

 private:
  std::vector<Policy> policies_;
  std::vector<KeyHash> scopes_;
  KeyHash id_scope_;
  KeyHash plan_;
  bool plain_;
};

}  // namespace sluice
