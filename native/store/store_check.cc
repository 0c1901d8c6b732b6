// Checks and peeks: reads all states, evaluates, and charges all or none.
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

namespace {

// Made for one call, whose thread holds a Quiescence::Guard.
class StoreCheck {
 public:
  StoreCheck(StoreTables& tables, const Target& target, const CheckRequest& request,
             const Moment& now);

  void Run(Result& result);
  void Peek(Result& result);

 private:
  std::size_t size() const { return policies_.size(); }
  std::span<const Ask> asks() const { return std::span(request_.asks).first(size()); }
  std::span<const Reading> readings() const { return std::span(readings_).first(size()); }
  bool IsRecord(std::size_t i) const { return !is_tat_[i]; }
  // Whether the policy itself denies the call, but would admit it some day.
  bool Denies(std::size_t i) const {
    const Evaluation::Part& part = evaluation_.parts[i];
    return !part.admits && !part.never_fits;
  }
  // Whether the state's TAT has to be set.
  bool ChargesTat(std::size_t i) const {
    return is_tat_[i] && after_[i].numbers[0] != readings_[i].numbers[0];
  }
  TatTable::LastDecision LastDecisionOf(std::size_t i) const {
    return Denies(i) ? TatTable::LastDecision::kDenied : TatTable::LastDecision::kAdmitted;
  }
  std::span<const EntryHash> Records() const { return std::span(records_).first(record_count_); }

  template <typename Look>
  void ReadTats(Look look);
  void ReadRecords(const RecordTable::Lock& lock);
  void Decide();
  bool Ready(const RecordTable::Lock& lock);
  void Provide();
  std::size_t ChargeTats();
  void Undo(std::size_t charged, std::uint64_t removals);
  void ChargeRecords(RecordTable::Lock& lock);
  void Finish(Result& result) const;

  StoreTables& tables_;
  const std::span<const Policy> policies_;
  const std::span<const EntryHash> entries_;
  const CheckRequest& request_;
  const Moment now_;
  bool exceeds_capacity_ = false;
  bool seeks_room_ = true;     // until none could be made
  std::size_t keys_more_ = 0;  // that the charges enter
  std::size_t record_count_ = 0;

  // One per policy; not initialised, as most calls have one policy.
  std::array<bool, kMaxPolicies> is_tat_;
  std::array<EntryHash, kMaxPolicies> records_;  // the entries of records, `record_count_` of them
  std::array<TatTable::Cell, kMaxPolicies> cells_;
  std::array<RecordSlot*, kMaxPolicies> slots_;
  std::array<Reading, kMaxPolicies> readings_;
  std::array<Reading, kMaxPolicies> after_;
  Evaluation evaluation_;
};

StoreCheck::StoreCheck(StoreTables& tables, const Target& target, const CheckRequest& request,
                       const Moment& now)
    : tables_(tables),
      policies_(target.policies()),
      entries_(target.entries()),
      request_(request),
      now_(now),
      exceeds_capacity_(ExceedsCapacity(policies_, asks())) {
  for (std::size_t i = 0; i < size(); ++i) {
    is_tat_[i] = IsTat(policies_[i].algorithm);
    if (IsRecord(i)) records_[record_count_++] = entries_[i];
  }
}

void StoreCheck::Run(Result& result) {
  for (;;) {
    tables_.tats.HelpGrow(now_.now);
    ReadTats([this](EntryHash entry) { return tables_.tats.Find(entry.bits, now_.now); });
    const std::uint64_t removals = tables_.tats.removals();
    RecordTable::Lock lock(tables_.records, Records());
    ReadRecords(lock);
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
    ChargeRecords(lock);
    break;
  }
  for (std::size_t i = 0; i < size(); ++i) {
    if (evaluation_.parts[i].starts_block) {
      tables_.Block(entries_[i], policies_[i].block_for, false, now_);
    }
  }
  WriteDecisions(policies_, asks(), readings(), evaluation_, now_, result.Decisions());
  Finish(result);
}

void StoreCheck::Peek(Result& result) {
  ReadTats([this](EntryHash entry) { return tables_.tats.Peek(entry.bits); });
  {
    const RecordTable::Lock lock(tables_.records, Records());
    ReadRecords(lock);
  }
  Decide();
  WritePeekDecisions(policies_, asks(), readings(), evaluation_, result.Decisions());
  Finish(result);
}

void StoreCheck::Finish(Result& result) const {
  result.allowed = evaluation_.allowed;
  result.Bind();
  if (result.snapshots == nullptr) return;
  std::copy_n(readings_.begin(), size(), result.snapshots->before.begin());
  std::copy_n(after_.begin(), size(), result.snapshots->after.begin());
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

void StoreCheck::ReadRecords(const RecordTable::Lock& lock) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!IsRecord(i)) continue;
    slots_[i] = lock.Find(entries_[i]);
    const Ask& ask = request_.asks[i];
    readings_[i].numbers = ReadState(AlgorithmFor(policies_[i], ask),
                                     slots_[i] == nullptr ? nullptr : &slots_[i]->state, now_,
                                     ask.cost, policies_[i].charge_denied && !exceeds_capacity_)
                               .numbers;
  }
}

void StoreCheck::Decide() {
  for (std::size_t i = 0; request_.closed_for != nullptr && i < size(); ++i) {
    readings_[i].blocked = std::max(readings_[i].blocked, request_.closed_for[i]);
  }
  evaluation_ = Evaluate(policies_, asks(), readings(), request_.max_wait);
  for (std::size_t i = 0; i < size(); ++i) {
    after_[i] = ReadingAfter(policies_[i], request_.asks[i], readings_[i], evaluation_.parts[i]);
  }
}

// Whether all that the charges need is there: slots, room in lists, and keys within the bound.
bool StoreCheck::Ready(const RecordTable::Lock& lock) {
  bool ready = true;
  keys_more_ = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    if (evaluation_.parts[i].effect == Effect::kNone) continue;
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
    if (evaluation_.parts[i].effect == Effect::kNone) continue;
    if (IsRecord(i)) {
      tables_.records.Supply(entries_[i], policies_[i].algorithm, ToMicros(now_.now));
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
      if (!tables_.tats.Charge(cells_[i], tat, RuleOf(policies_[i].algorithm), LastDecisionOf(i))) {
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

void StoreCheck::ChargeRecords(RecordTable::Lock& lock) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!IsRecord(i)) continue;
    const Effect effect = evaluation_.parts[i].effect;
    if (effect == Effect::kNone) {
      if (Denies(i) && slots_[i] != nullptr) slots_[i]->SetDenied(true);
      continue;
    }
    const Algorithm& algorithm = policies_[i].algorithm;
    RecordSlot& slot = lock.Open(slots_[i], entries_[i], algorithm, ToMicros(now_.now));
    const std::size_t weight = WeightOf(slot.state);
    ApplyState(effect, AlgorithmFor(policies_[i], request_.asks[i]), slot.state, readings_[i],
               request_.asks[i].cost, request_.holder, now_);
    slot.SetDenied(Denies(i));
    // Never erases: it was charged.
    lock.Close(slot, algorithm, after_[i], ToMicros(now_.now), weight);
  }
}

}  // namespace

void CheckStates(StoreTables& tables, const Target& target, const CheckRequest& request,
                 const Moment& now, Result& result) {
  result.Open(target.size());
  StoreCheck(tables, target, request, now).Run(result);
}

void PeekStates(StoreTables& tables, const Target& target, const CheckRequest& request,
                const Moment& now, Result& result) {
  result.Open(target.size());
  StoreCheck(tables, target, request, now).Peek(result);
}

}  // namespace sluice
