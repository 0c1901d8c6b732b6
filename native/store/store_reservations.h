// Operations on reservations. Private to the store.
#pragma once

#include "core/operation.h"
#include "core/result.h"
#include "store_tables.h"
#include "target.h"

namespace sluice {

// All of these REQUIRE that the caller holds a Quiescence::Guard.

/// Settles the target's reservations that have expired, in the order of their expiry, each as at
/// that instant, and some expired ones of other keys.
void SettleExpired(StoreTables& tables, const Target& target, const Moment& now);

/// A check, whose charges are held for `hold_for`. Repeated by the same holder it charges nothing.
/// Denied as long as kMostHolds are open under a policy, or as many as the store has keys.
void Reserve(StoreTables& tables, const Target& target, const Operation& operation,
             const Moment& now, Result& result);
/// A check of the part of `costs` above the estimates. Decides nothing unless the reservation is
/// open.
void Extend(StoreTables& tables, const Target& target, const Operation& operation,
            const Moment& now, Result& result);
void Checkpoint(StoreTables& tables, const Target& target, const Operation& operation,
                const Moment& now, Result& result);
/// kSettle and kCancel.
void Settle(StoreTables& tables, const Target& target, const Operation& operation,
            const Moment& now, Result& result);
/// Forgets all reservations of the target's keys under its policies.
void ForgetReservations(StoreTables& tables, const Target& target, const Moment& now);

}  // namespace sluice
