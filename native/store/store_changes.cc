// Debits, credits, aborts, slots, blocks, resets.
#include "store_changes.h"

#include <variant>

namespace sluice {
namespace {

// Calls `change(state)` on a state of one TAT.
template <typename Change>
void ChangeTat(StoreTables& tables, const Place& place, const Moment& now, Change change) {
  const EntryHash entry = place.entry;
  for (;;) {
    const TatTable::Cell cell = tables.tats.Find(entry.bits, now.now);
    State state = cell.tat();
    change(state);
    const Nanos tat = std::get<Nanos>(state);
    if (tat == cell.tat()) return;
    if (tat <= now.now) {
      if (tables.tats.Erase(cell)) return;
      continue;
    }
    if (!cell.held() && !tables.HasRoomFor(1)) tables.MakeRoom(1, entry, place.spared, now);
    const auto last =
        cell.denied() ? TatTable::LastDecision::kDenied : TatTable::LastDecision::kAdmitted;
    if (tables.tats.Set(cell, entry.bits, tat, RuleOf(place.algorithm), now.now, last)) {
      return;
    }
  }
}

// Calls `change(state)` on a record, if there is one.
template <typename Change>
void ChangeRecord(StoreTables& tables, const Place& place, const Moment& now, Change change) {
  const Algorithm& algorithm = place.algorithm;
  RecordTable::Lock lock(tables.records, {&place.entry, 1});
  RecordSlot* slot = lock.Find(place.entry);
  if (slot == nullptr) return;
  const std::size_t weight = WeightOf(slot->state);
  change(slot->state);
  const Reading after = ReadState(algorithm, &slot->state, now, 0, false);
  lock.Close(*slot, algorithm, after, ToMicros(now.now), weight);
}

// Calls `change(state)`; not on a record that does not exist.
template <typename Change>
void ChangeState(StoreTables& tables, const Place& place, const Moment& now, Change change) {
  IsTat(place.algorithm) ? ChangeTat(tables, place, now, change)
                         : ChangeRecord(tables, place, now, change);
}

void DebitRecord(StoreTables& tables, const Place& place, std::int64_t units, const Moment& now) {
  const auto& [entry, algorithm, spared] = place;
  for (bool seeks_room = true;;) {
    {
      RecordTable::Lock lock(tables.records, {&entry, 1});
      RecordSlot* found = lock.Find(entry);
      const std::size_t keys_more = found == nullptr ? 1 : WeightOfOneMore(found->state);
      if (lock.Ready(found, entry, algorithm) && (!seeks_room || tables.HasRoomFor(keys_more))) {
        RecordSlot& slot = lock.Open(found, entry, algorithm, ToMicros(now.now));
        const std::size_t weight = WeightOf(slot.state);
        DebitState(algorithm, slot.state, units, now);
        lock.Close(slot, algorithm, ReadState(algorithm, &slot.state, now, 0, false),
                   ToMicros(now.now), weight);
        return;
      }
    }
    if (seeks_room) seeks_room = tables.MakeRoom(1, entry, spared, now);
    tables.records.Supply(entry, algorithm, ToMicros(now.now));
  }
}

// Calls `change(algorithm, state)` on all lists of slots. Whether it was true of all of them.
template <typename Change>
bool ChangeSlots(StoreTables& tables, const Target& target, const Moment& now, Change change) {
  bool all = true;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!HoldsSlots(target.algorithm(i))) continue;
    bool done = false;
    ChangeRecord(tables, target.place(i), now,
                 [&](State& state) { done = change(target.algorithm(i), state); });
    all = all && done;
  }
  return all;
}

void DebitPlace(StoreTables& tables, const Place& place, std::int64_t units, const Moment& now) {
  const Algorithm& algorithm = place.algorithm;
  if (units == 0 || HoldsSlots(algorithm)) return;
  if (IsTat(algorithm)) {
    ChangeTat(tables, place, now, [&](State& state) { DebitState(algorithm, state, units, now); });
  } else {
    DebitRecord(tables, place, units, now);
  }
}

void CreditPlace(StoreTables& tables, const Place& place, std::int64_t units,
                 std::optional<std::int64_t> mark, const Moment& now) {
  if (units == 0) return;
  ChangeState(tables, place, now,
              [&](State& state) { CreditState(place.algorithm, state, units, mark, now); });
}

bool Names(PolicyBits which, std::size_t policy) {
  return which == 0 || (which >> policy & 1) != 0;
}

}  // namespace

void DebitStates(StoreTables& tables, const Target& target, const Costs& units, const Moment& now) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    DebitPlace(tables, target.place(i), units[i], now);
  }
}

void CreditStates(StoreTables& tables, const Target& target, const Operation& operation,
                  const Moment& now) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    CreditPlace(tables, target.place(i), operation.costs[i], operation.MarkOf(i), now);
  }
}

bool AbortStates(StoreTables& tables, const Target& target, const Operation& operation,
                 const Moment& now) {
  bool all = true;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (operation.costs[i] == 0) continue;
    const Algorithm algorithm = AlgorithmFor(target.policies()[i], operation.AskOf(i));
    bool given_back = true;
    ChangeState(tables, target.place(i), now, [&](State& state) {
      given_back = AbortState(algorithm, state, operation.costs[i], *operation.MarkOf(i), now);
    });
    all = all && given_back;
  }
  return all;
}

bool HoldsSlotOf(StoreTables& tables, const Target& target, std::size_t policy, HolderId holder,
                 const Moment& now) {
  RecordTable::Lock lock(tables.records, target.entries().subspan(policy, 1));
  RecordSlot* const slot = lock.Find(target.entry(policy));
  return slot != nullptr && HoldsSlot(target.algorithm(policy), slot->state, holder, now);
}

bool ReleaseSlots(StoreTables& tables, const Target& target, HolderId holder, const Moment& now) {
  return ChangeSlots(tables, target, now, [&](const Algorithm& algorithm, State& state) {
    return ReleaseSlot(algorithm, state, holder, now);
  });
}

bool RenewSlots(StoreTables& tables, const Target& target, HolderId holder, const Moment& now) {
  return ChangeSlots(tables, target, now, [&](const Algorithm& algorithm, State& state) {
    return RenewSlot(algorithm, state, holder, now);
  });
}

void BlockStates(StoreTables& tables, const Target& target, const Operation::Options& options,
                 const Moment& now) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (Names(options.which, i)) tables.Block(target.entry(i), options.block_for, true, now);
  }
}

void UnblockStates(StoreTables& tables, const Target& target, PolicyBits which) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (Names(which, i)) tables.EraseTat(tables.BlockOf(target.entry(i)));
  }
}

void SettleState(StoreTables& tables, const Place& place, HolderId holder,
                 const Settlement& settlement, const Moment& now) {
  DebitPlace(tables, place, settlement.more, now);
  for (const HoldCharge& charge : settlement.Credits()) {
    CreditPlace(tables, place, charge.units, charge.mark, now);
  }
  if (!HoldsSlots(place.algorithm)) return;
  ChangeRecord(tables, place, now,
               [&](State& state) { ReleaseSlot(place.algorithm, state, holder, now); });
}

void RenewSlotOf(StoreTables& tables, const Place& place, HolderId holder, const Moment& now) {
  if (!HoldsSlots(place.algorithm)) return;
  ChangeRecord(tables, place, now,
               [&](State& state) { RenewSlot(place.algorithm, state, holder, now); });
}

void ResetStates(StoreTables& tables, const Target& target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    const EntryHash entry = target.entry(i);
    tables.EraseTat(tables.BlockOf(entry));
    if (IsTat(target.algorithm(i))) {
      tables.EraseTat(entry);
      continue;
    }
    RecordTable::Lock lock(tables.records, {&entry, 1});
    if (RecordSlot* slot = lock.Find(entry)) lock.Erase(*slot);
  }
}

}  // namespace sluice
