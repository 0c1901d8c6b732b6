// The outcome of an operation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/concurrency.h"
#include "core/decision.h"
#include "core/ledger.h"
#include "core/policy.h"
#include "core/reading.h"

namespace sluice {

/// The source of a decision. The numbers are part of the seam to JavaScript.
enum class Source : std::uint8_t {
  kStore = 0,  ///< the store
  kLocal = 1,  ///< this process, in place of a store that failed
  kAllow = 2,  ///< the rule to allow while the store fails
  kDeny = 3,   ///< the rule to deny while the store fails
  kCache = 4,  ///< this process, by a recent denial of the store
};

/// The states under each policy that a check or peek was decided on, and those that it left.
struct Snapshots {
  std::array<Reading, kMaxPolicies> before;
  std::array<Reading, kMaxPolicies> after;
};

/// Meant to be reused from call to call: initialising one costs as much as a decision.
struct Result {
  // For checks and peeks.

  bool allowed = false;
  Source source = Source::kStore;
  /// Which of the decisions binds; see BindingPolicy.
  std::uint8_t binding = 0;
  std::uint8_t count = 0;
  /// The check was charged before under its id; `holder` holds its slots, not the holder that the
  /// operation named.
  bool replayed = false;
  /// For a replay: its slots were gone, and it took new ones.
  bool slots_again = false;
  /// Nothing was decided or charged: the id was charged for another cost, limit or plan.
  bool id_reused = false;

  // For operations on reservations.

  /// For kReserve: kSettled if nothing was decided, since the reservation is closed already.
  HoldOutcome hold = HoldOutcome::kOk;
  /// kCheckpoint: the policies whose estimate is spent.
  PolicyBits spent = 0;
  /// kSettle, kCancel: the units that each policy charged in all, unless `hold` is kUnknown.
  std::array<std::int64_t, kMaxPolicies> charged;

  /// kRelease, kRenew: whether the holder still had all of its slots. kAbort: false if some policy
  /// kept its charge because others wait behind it.
  bool done = false;

  HolderId holder;
  /// In the order in which the policies were declared. The first `count` are set: none under kAllow
  /// and kDeny, and for an id reused.
  std::array<Decision, kMaxPolicies> decisions;
  /// Set by the caller that wants snapshots, filled with the decisions.
  Snapshots* snapshots = nullptr;

  /// Clears all but the decisions and the request for snapshots.
  void Open(std::size_t policies) {
    allowed = false;
    source = Source::kStore;
    binding = 0;
    count = static_cast<std::uint8_t>(policies);
    replayed = false;
    slots_again = false;
    id_reused = false;
    hold = HoldOutcome::kOk;
    spent = 0;
    done = false;
  }
  /// Sets `binding`. Precondition: count > 0.
  void Bind() { binding = static_cast<std::uint8_t>(BindingPolicy(Decisions())); }

  std::span<Decision> Decisions() { return {decisions.data(), count}; }
  std::span<const Decision> Decisions() const { return {decisions.data(), count}; }
};

}  // namespace sluice
