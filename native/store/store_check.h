// One check over states of any kind. Private to the store.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/operation.h"
#include "core/policy.h"
#include "core/result.h"
#include "store_tables.h"
#include "target.h"

namespace sluice {

/// A charge to one TAT: the TAT that it produced, and how much it added.
struct TatCharge {
  Nanos produced{0};
  Nanos amount{0};
};

/// Takes back what is left at `now` (StoreTables::Later) of a charge, made when `removals` entries
/// had been removed. Where one has been since, what stands under the key may be somebody else's
/// charge: then nothing is taken back unless it still reaches that far.
void UndoCharge(TatTable& table, EntryHash entry, const TatRule& rule, const TatCharge& charge,
                Nanos now, std::uint64_t removals);

/// The question of one check or peek.
struct CheckRequest {
  CheckRequest(const Target& target, const Operation& operation)
      : max_wait(operation.max_wait()), holder(operation.holder()) {
    for (std::size_t i = 0; i < target.size(); ++i) asks[i] = operation.AskOf(i);
  }

  std::array<Ask, kMaxPolicies> asks;  ///< one per policy
  Nanos max_wait;
  HolderId holder;
  /// One per policy: for how long it is closed to calls that cost anything, as if it were blocked.
  /// Null: none is.
  const Nanos* closed_for = nullptr;
};

/// Decides and charges. As for all of these, the caller holds a Quiescence::Guard.
void CheckStates(StoreTables& tables, const Target& target, const CheckRequest& request,
                 const Moment& now, Result& result);
/// Decides as CheckStates would, described as by WritePeekDecisions. Changes nothing.
void PeekStates(StoreTables& tables, const Target& target, const CheckRequest& request,
                const Moment& now, Result& result);

}  // namespace sluice
