#include "store/bound_policies.h"

#include <algorithm>
#include <utility>

#include "store/memory_store.h"

namespace sluice {

BoundPolicies::BoundPolicies(const MemoryStore& store, std::vector<Policy> policies,
                             std::string_view prefix, const IdScope& ids)
    : policies_(std::move(policies)), plain_(std::ranges::all_of(policies_, IsPlainTat)) {
  scopes_.reserve(policies_.size());
  for (const Policy& policy : policies_) {
    // Neither names nor tags hold a NUL, so distinct triples give distinct texts.
    std::string scope(prefix);
    scope.push_back('\0');
    scope.append(policy.name);
    scope.push_back('\0');
    scope.append(StateTag(policy.algorithm));
    scopes_.push_back(store.HashName(scope));
  }
  std::string scope(prefix);
  scope.push_back('\0');
  scope.append(ids.limiter);
  id_scope_ = store.Hash(scope);
  plan_ = store.Hash(ids.plan);
}

}  // namespace sluice
