// The operations that change states without deciding anything. Private to the store.
#pragma once

#include "core/operation.h"
#include "store_tables.h"
#include "target.h"

namespace sluice {

// All of these REQUIRE that the caller holds a Quiescence::Guard.

/// Charges whatever there is room for, into debt (Debited of each algorithm; a log keeps its newest
/// entries; concurrency policies: nothing).
void DebitStates(StoreTables& tables, const Target& target, const Costs& units, const Moment& now);
/// Gives back up to `costs` of the charges that the operation's marks name or, without marks, of
/// any charge. Slots are given back by ReleaseSlots.
void CreditStates(StoreTables& tables, const Target& target, const Operation& operation,
                  const Moment& now);
/// The same for a call that gave up waiting (TatAlgorithm::Aborted). Precondition: marks. False if
/// some policy kept its charge because others wait behind it (TatAlgorithm::HasFollowers).
bool AbortStates(StoreTables& tables, const Target& target, const Operation& operation,
                 const Moment& now);
/// Gives a holder's slots back, or holds them for another ttl. Whether all concurrency policies
/// still had them.
bool ReleaseSlots(StoreTables& tables, const Target& target, HolderId holder, const Moment& now);
bool RenewSlots(StoreTables& tables, const Target& target, HolderId holder, const Moment& now);
/// Whether the policy still has the holder's slot. Precondition: a concurrency policy.
bool HoldsSlotOf(StoreTables& tables, const Target& target, std::size_t policy, HolderId holder,
                 const Moment& now);
/// Settles a hold: changes its state, and gives its slot back.
void SettleState(StoreTables& tables, const Place& place, HolderId holder,
                 const Settlement& settlement, const Moment& now);
/// Holds the holder's slot, if it has one, for the algorithm's ttl from now on.
void RenewSlotOf(StoreTables& tables, const Place& place, HolderId holder, const Moment& now);
/// Denies every call that costs anything for `options.block_for`, in place of any block that there
/// is.
void BlockStates(StoreTables& tables, const Target& target, const Operation::Options& options,
                 const Moment& now);
void UnblockStates(StoreTables& tables, const Target& target, PolicyBits which);
/// Forgets the states, blocks included.
void ResetStates(StoreTables& tables, const Target& target);

}  // namespace sluice
