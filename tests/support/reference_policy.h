// Any policy as a plain model, and a check over several of them.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "core/decision.h"
#include "support/reference_bucket.h"
#include "support/reference_queue.h"

namespace sluice::testing {

/// The state of one key under one policy.
using ReferencePolicy = std::variant<ReferenceBucket, ReferenceQueue>;

/// Whether a call of `cost` would be admitted at `now`. Changes nothing.
bool Affords(const ReferencePolicy& policy, std::int64_t cost, Nanos now);

/// Makes the key one never seen.
void Forget(ReferencePolicy& policy);

/// One check over several policies: all of them admit it, or none is charged.
/// Precondition: as many costs as policies.
std::vector<Decision> ReferenceCheck(std::span<ReferencePolicy> policies,
                                     std::span<const std::int64_t> costs, Nanos now);

}  // namespace sluice::testing
