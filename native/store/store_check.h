// One check over states of any kind. Private to the store.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/policy.h"
#include "store/memory_store.h"
#include "store_tables.h"

namespace sluice {

/// A charge to one TAT: the TAT it came to, and how much of that it added.
struct TatCharge {
  Nanos produced{0};
  Nanos amount{0};
};

/// Takes back what is left at `now` (StoreTables::Later) of a charge, made when `removals` entries
/// had been removed. Where one has been since, what stands under the key may be somebody else's
/// charge: then nothing is taken back unless it still reaches that far.
void UndoCharge(TatTable& table, EntryHash entry, const TatRule& rule, const TatCharge& charge,
                Nanos now, std::uint64_t removals);

/// Made for one call, whose thread holds a Quiescence::Guard.
class StoreCheck {
 public:
  StoreCheck(StoreTables& tables, const MemoryStore::Subject& subject,
             const MemoryStore::Question& question, const Moment& now);

  /// Decides and charges.
  bool Run(std::span<Decision> decisions);
  /// Whether Run would admit it, described as by DescribePeek. Changes nothing.
  bool Peek(std::span<Decision> decisions);

 private:
  std::size_t size() const { return policies_.size(); }
  bool IsWide(std::size_t i) const { return !is_tat_[i]; }
  /// Whether the policy itself denies the call, but would admit it some day.
  bool Denies(std::size_t i) const {
    const Judgement::Part& part = judgement_.parts[i];
    return !part.admits && !part.never;
  }
  /// Whether the state's TAT has to be set.
  bool ChargesTat(std::size_t i) const {
    return is_tat_[i] && after_[i].numbers[0] != readings_[i].numbers[0];
  }
  TatTable::Standing StandingOf(std::size_t i) const {
    return Denies(i) ? TatTable::Standing::kDenied : TatTable::Standing::kAdmitted;
  }
  std::span<const EntryHash> Wides() const { return std::span(wides_).first(wide_count_); }

  template <typename Look>
  void ReadTats(Look look);
  void ReadWides(const WideTable::Lock& lock);
  void Decide();
  bool Ready(const WideTable::Lock& lock);
  void Provide();
  std::size_t ChargeTats();
  void Undo(std::size_t charged, std::uint64_t removals);
  void ChargeWides(WideTable::Lock& lock);

  StoreTables& tables_;
  const std::span<const Policy> policies_;
  const std::span<const EntryHash> entries_;
  const MemoryStore::Question& question_;
  const Moment now_;
  bool hopeless_ = false;
  bool seeks_room_ = true;     // until none could be made
  std::size_t keys_more_ = 0;  // that the charges enter
  std::size_t wide_count_ = 0;

  // One per policy; not initialised, as most calls have one policy.
  std::array<bool, kMaxPolicies> is_tat_;
  std::array<EntryHash, kMaxPolicies> wides_;  // the entries of wide states, `wide_count_` of them
  std::array<TatTable::Cell, kMaxPolicies> cells_;
  std::array<WideSlot*, kMaxPolicies> slots_;
  std::array<Reading, kMaxPolicies> readings_;
  std::array<Reading, kMaxPolicies> after_;
  Judgement judgement_;
};

}  // namespace sluice
