// Holds are opened and closed under the locks of their ledgers, together with the states.
#include "store_reservations.h"

#include <algorithm>
#include <array>
#include <optional>

#include "store_changes.h"
#include "store_check.h"

namespace sluice {
namespace {

// The most expired reservations of other keys that one call settles.
constexpr int kMostOfOthers = 16;

// The moment `at` on the clocks of `now`.
Moment MomentAt(Micros at, const Moment& now) {
  return {.now = ToMicros(now.now) - (now.wall - at), .wall = at, .steps = now.steps};
}

void SettleDue(StoreTables& tables, LedgerTable::Lock& lock, EntryHash entry, bool of_others,
               std::span<const EntryHash> spared, const Moment& now) {
  for (int others = 0; others < kMostOfOthers;) {
    const auto due = lock.NextDue(entry, of_others);
    if (!due) return;
    if (due->entry.bits != entry.bits) ++others;
    const Hold& hold = due->open.hold;
    const std::int64_t usage = hold.UsageAtExpiry();
    SettleState(tables, {due->entry, due->open.algorithm, spared}, due->holder,
                SettlementOf(hold, usage), MomentAt(hold.expires, now));
    lock.Close(due->entry, due->holder,
               {.outcome = HoldOutcome::kExpired, .charged = usage, .at = hold.expires});
  }
}

// The ledgers of one call's target.
class Ledgers {
 public:
  Ledgers(StoreTables& tables, const Target& target, HolderId holder, const Moment& now)
      : tables_(tables),
        target_(target),
        holder_(holder),
        now_(now),
        lock_(tables.ledgers, target.entries(), now.wall) {
    // Others may have expired since SettleExpired.
    for (const EntryHash entry : target.entries()) {
      SettleDue(tables, lock_, entry, false, target.entries(), now);
    }
  }

  LedgerTable::Lock& lock() { return lock_; }

  LedgerTable::Open* Find(std::size_t i) const { return lock_.Find(target_.entry(i), holder_); }

  bool HasOpen() const {
    for (std::size_t i = 0; i < target_.size(); ++i) {
      if (Find(i) != nullptr) return true;
    }
    return false;
  }

  // The outcome for a reservation that is not open, and what it was charged.
  HoldOutcome ReadClosed(Result& result) const {
    HoldOutcome outcome = HoldOutcome::kUnknown;
    for (std::size_t i = 0; i < target_.size(); ++i) {
      const LedgerTable::Closed closed = lock_.FindClosed(target_.entry(i), holder_);
      outcome = std::max(outcome, closed.outcome);
      result.charged[i] = closed.charged;
    }
    return outcome;
  }

  // The time for which each policy takes no more reservations.
  std::array<Nanos, kMaxPolicies> ClosedFor() const {
    std::array<Nanos, kMaxPolicies> closed{};
    const bool is_full = tables_.ledgers.size() + target_.size() > tables_.max_keys();
    for (std::size_t i = 0; i < target_.size(); ++i) {
      const EntryHash entry = target_.entry(i);
      const auto first = lock_.FirstOf(entry);
      if (lock_.CountOf(entry) >= kMostHolds) {
        closed[i] = *first - now_.wall;
      } else if (is_full) {
        closed[i] = first ? *first - now_.wall : kWhenFull;
      }
    }
    return closed;
  }

 private:
  // The store knows no better time.
  static constexpr Nanos kWhenFull = std::chrono::seconds(1);

  StoreTables& tables_;
  const Target& target_;
  const HolderId holder_;
  const Moment& now_;
  LedgerTable::Lock lock_;
};

}  // namespace

void SettleExpired(StoreTables& tables, const Target& target, const Moment& now) {
  for (const EntryHash entry : target.entries()) {
    if (!tables.ledgers.HasDue(entry, now.now)) continue;
    LedgerTable::Lock lock(tables.ledgers, {&entry, 1}, now.wall);
    SettleDue(tables, lock, entry, true, target.entries(), now);
  }
}

void Reserve(StoreTables& tables, const Target& target, const Operation& operation,
             const Moment& now, Result& result) {
  const HolderId holder = operation.holder();
  Ledgers ledgers(tables, target, holder, now);
  CheckRequest request(target, operation);
  // A reservation that can never be admitted was not made by anybody.
  if (ExceedsCapacity(target.policies(), std::span(request.asks).first(target.size()))) {
    return CheckStates(tables, target, request, now, result);
  }
  const bool is_repeat = ledgers.HasOpen();
  if (is_repeat) {
    for (Ask& ask : request.asks) ask.cost = 0;
  } else if (const HoldOutcome closed = ledgers.ReadClosed(result);
             closed != HoldOutcome::kUnknown) {
    result.hold = closed;
    return;
  }
  const auto closed_for = ledgers.ClosedFor();
  request.closed_for = closed_for.data();
  CheckStates(tables, target, request, now, result);
  if (!result.allowed || is_repeat) return;
  const Micros expires = now.wall + operation.options->hold_for;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const Decision& decision = result.decisions[i];
    // A shadow that would have denied it has charged nothing.
    if (!decision.allowed) continue;
    Hold hold{.expires = expires, .on_expire = operation.options->on_expire, .charges = {}};
    const std::int64_t cost = request.asks[i].cost;
    if (cost > 0 && !HoldsSlots(target.algorithm(i))) hold.AddCharge(cost, decision.mark);
    ledgers.lock().Add(target.entry(i), holder, {.hold = hold, .algorithm = target.algorithm(i)});
  }
}

void Extend(StoreTables& tables, const Target& target, const Operation& operation,
            const Moment& now, Result& result) {
  Ledgers ledgers(tables, target, operation.holder(), now);
  if (!ledgers.HasOpen()) {
    result.hold = ledgers.ReadClosed(result);
    return;
  }
  CheckRequest request(target, operation);
  for (std::size_t i = 0; i < target.size(); ++i) {
    const LedgerTable::Open* const open = ledgers.Find(i);
    const bool extends = open != nullptr && !HoldsSlots(target.algorithm(i));
    std::int64_t& cost = request.asks[i].cost;
    cost = extends ? std::max<std::int64_t>(0, cost - open->hold.Estimate()) : 0;
  }
  CheckStates(tables, target, request, now, result);
  if (!result.allowed) return;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const Decision& decision = result.decisions[i];
    const std::int64_t cost = request.asks[i].cost;
    if (cost > 0 && decision.allowed) ledgers.Find(i)->hold.AddCharge(cost, decision.mark);
  }
}

void Checkpoint(StoreTables& tables, const Target& target, const Operation& operation,
                const Moment& now, Result& result) {
  const HolderId holder = operation.holder();
  Ledgers ledgers(tables, target, holder, now);
  if (!ledgers.HasOpen()) {
    result.hold = ledgers.ReadClosed(result);
    return;
  }
  const Micros hold_for = operation.options->hold_for;
  for (std::size_t i = 0; i < target.size(); ++i) {
    LedgerTable::Open* const open = ledgers.Find(i);
    if (open == nullptr) continue;
    Hold& hold = open->hold;
    hold.used = std::max(hold.used, operation.costs[i]);
    if (hold.IsSpent()) result.spent |= PolicyBits{1} << i;
    if (hold_for == Micros{0}) continue;
    ledgers.lock().Renew(target.entry(i), holder, now.wall + hold_for);
    const Algorithm algorithm = WithSlotTtl(target.algorithm(i), hold_for);
    RenewSlotOf(tables, {target.entry(i), algorithm, target.entries()}, holder, now);
  }
}

void Settle(StoreTables& tables, const Target& target, const Operation& operation,
            const Moment& now, Result& result) {
  const HolderId holder = operation.holder();
  Ledgers ledgers(tables, target, holder, now);
  if (!ledgers.HasOpen()) {
    result.hold = ledgers.ReadClosed(result);
    return;
  }
  for (std::size_t i = 0; i < target.size(); ++i) {
    result.charged[i] = 0;
    const LedgerTable::Open* const open = ledgers.Find(i);
    if (open == nullptr) continue;
    const Hold& hold = open->hold;
    std::int64_t usage = hold.used;
    if (operation.kind == Operation::Kind::kSettle) {
      const bool is_given = (operation.which() >> i & 1) != 0;
      usage = is_given ? operation.costs[i] : std::max(hold.used, hold.Estimate());
    }
    if (HoldsSlots(target.algorithm(i))) usage = 0;
    SettleState(tables, target.place(i), holder, SettlementOf(hold, usage), now);
    result.charged[i] = usage;
    ledgers.lock().Close(target.entry(i), holder,
                         {.outcome = HoldOutcome::kSettled, .charged = usage, .at = now.wall});
  }
}

void ForgetReservations(StoreTables& tables, const Target& target, const Moment& now) {
  if (tables.ledgers.empty()) return;
  LedgerTable::Lock lock(tables.ledgers, target.entries(), now.wall);
  for (const EntryHash entry : target.entries()) lock.Forget(entry);
}

}  // namespace sluice
