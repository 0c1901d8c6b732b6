// Reads all, judges, and charges all or none.
#include "store_check.h"

#include <algorithm>

namespace sluice {

void UndoCharge(TatTable& table, EntryHash entry, const TatRule& rule, const TatCharge& charge,
                Nanos now, std::uint64_t removals) {
  for (;;) {
    const TatTable::Cell cell = table.Find(entry.bits, now);
    if (cell.tat() < charge.produced && table.removals() != removals) return;
    const Nanos tat = cell.tat() - std::min(charge.amount, Backlog(charge.produced, now));
    const bool done = tat > now ? table.Set(cell, entry.bits, tat, rule, now) : table.Erase(cell);
    if (done) return;
  }
}

StoreCheck::StoreCheck(StoreTables& tables, const MemoryStore::Subject& subject,
                       const MemoryStore::Question& question, const Moment& now)
    : tables_(tables),
      policies_(subject.policies),
      entries_(subject.entries),
      question_(question),
      now_(now),
      hopeless_(IsHopeless(policies_, question.asks)) {
  for (std::size_t i = 0; i < size(); ++i) {
    is_tat_[i] = IsTat(policies_[i].algorithm);
    if (IsWide(i)) wides_[wide_count_++] = entries_[i];
  }
}

bool StoreCheck::Run(std::span<Decision> decisions) {
  for (;;) {
    tables_.tats.Tend(now_.now);
    ReadTats([this](EntryHash entry) { return tables_.tats.Find(entry.bits, now_.now); });
    const std::uint64_t removals = tables_.tats.removals();
    WideTable::Lock lock(tables_.wides, Wides());
    ReadWides(lock);
    Decide();
    if (!Ready(lock)) {
      lock.Unlock();
      Provide();
      continue;
    }
    if (const std::size_t charged = ChargeTats(); charged < size()) {
      lock.Unlock();
      Undo(charged, removals);
      continue;
    }
    ChargeWides(lock);
    break;
  }
  for (std::size_t i = 0; i < size(); ++i) {
    if (judgement_.parts[i].starts_block) {
      tables_.Block(entries_[i], policies_[i].block_for, false, now_);
    }
  }
  Describe(policies_, question_.asks, std::span(readings_).first(size()), judgement_, now_,
           decisions);
  return judgement_.allowed;
}

bool StoreCheck::Peek(std::span<Decision> decisions) {
  ReadTats([this](EntryHash entry) { return tables_.tats.Peek(entry.bits); });
  {
    const WideTable::Lock lock(tables_.wides, Wides());
    ReadWides(lock);
  }
  Decide();
  DescribePeek(policies_, question_.asks, std::span(readings_).first(size()), judgement_,
               decisions);
  return judgement_.allowed;
}

template <typename Look>
void StoreCheck::ReadTats(Look look) {
  for (std::size_t i = 0; i < size(); ++i) {
    readings_[i] = {};
    if (is_tat_[i]) {
      cells_[i] = look(entries_[i]);
      readings_[i].numbers[0] = Backlog(cells_[i].tat(), now_.now).count();
    }
    if (tables_.MayBeBlocked(entries_[i], now_.now)) {
      readings_[i].blocked = Backlog(look(tables_.BlockOf(entries_[i])).tat(), now_.now);
    }
  }
}

void StoreCheck::ReadWides(const WideTable::Lock& lock) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!IsWide(i)) continue;
    slots_[i] = lock.Find(entries_[i]);
    const Ask& ask = question_.asks[i];
    readings_[i].numbers = ReadState(AlgorithmFor(policies_[i], ask),
                                     slots_[i] == nullptr ? nullptr : &slots_[i]->state,
                                     WallFor(policies_[i].algorithm, now_), ask.cost,
                                     policies_[i].charge_denied && !hopeless_)
                               .numbers;
  }
}

void StoreCheck::Decide() {
  judgement_ =
      Judge(policies_, question_.asks, std::span(readings_).first(size()), question_.max_wait);
  for (std::size_t i = 0; i < size(); ++i) {
    after_[i] = After(policies_[i], question_.asks[i], readings_[i], judgement_.parts[i]);
  }
}

// Whether all that the charges need is there: slots, room in lists, and keys within the bound.
bool StoreCheck::Ready(const WideTable::Lock& lock) {
  bool ready = true;
  keys_more_ = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    if (judgement_.parts[i].effect == Effect::kNone) continue;
    if (is_tat_[i]) {
      if (!ChargesTat(i) || cells_[i].held()) continue;
      ++keys_more_;
      ready = ready && cells_[i].claimed();
    } else {
      keys_more_ += slots_[i] == nullptr ? 1 : WeightOfOneMore(slots_[i]->state);
      ready = ready && lock.Ready(slots_[i], entries_[i], policies_[i].algorithm);
    }
  }
  return ready && (keys_more_ == 0 || !seeks_room_ || tables_.HasRoomFor(keys_more_));
}

// Sees to what was found missing. Others may take it before it is looked for again.
void StoreCheck::Provide() {
  if (seeks_room_) seeks_room_ = tables_.MakeRoom(keys_more_, entries_[0], entries_, now_);
  for (std::size_t i = 0; i < size(); ++i) {
    if (judgement_.parts[i].effect == Effect::kNone) continue;
    if (IsWide(i)) {
      tables_.wides.Supply(entries_[i], policies_[i].algorithm, ToMicros(now_.now));
    } else if (ChargesTat(i) && !cells_[i].claimed()) {
      tables_.tats.Reserve(entries_[i].bits, RuleOf(policies_[i].algorithm), now_.now);
    }
  }
}

// Returns how many policies are done with: fewer than all if somebody else got in between.
std::size_t StoreCheck::ChargeTats() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (ChargesTat(i)) {
      const Nanos tat = now_.now + Nanos{after_[i].numbers[0]};
      if (!tables_.tats.Charge(cells_[i], tat, RuleOf(policies_[i].algorithm), StandingOf(i))) {
        return i;
      }
    } else if (is_tat_[i] && Denies(i)) {
      tables_.tats.MarkDenied(cells_[i]);
    }
  }
  return size();
}

void StoreCheck::Undo(std::size_t charged, std::uint64_t removals) {
  while (charged-- > 0) {
    if (!ChargesTat(charged)) continue;
    const Nanos after{after_[charged].numbers[0]};
    UndoCharge(
        tables_.tats, entries_[charged], RuleOf(policies_[charged].algorithm),
        {.produced = now_.now + after, .amount = after - Nanos{readings_[charged].numbers[0]}},
        tables_.Later(now_.now), removals);
  }
}

void StoreCheck::ChargeWides(WideTable::Lock& lock) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!IsWide(i)) continue;
    const Effect effect = judgement_.parts[i].effect;
    if (effect == Effect::kNone) {
      if (Denies(i) && slots_[i] != nullptr) slots_[i]->SetDenied(true);
      continue;
    }
    const Algorithm& algorithm = policies_[i].algorithm;
    WideSlot& slot = lock.Open(slots_[i], entries_[i], algorithm, ToMicros(now_.now));
    const std::size_t weight = WeightOf(slot.state);
    Apply(effect, AlgorithmFor(policies_[i], question_.asks[i]), slot.state, readings_[i],
          question_.asks[i].cost, question_.holder, WallFor(algorithm, now_));
    slot.SetDenied(Denies(i));
    // Never erases: it was charged.
    lock.Close(slot, algorithm, after_[i], ToMicros(now_.now), weight);
  }
}

}  // namespace sluice
