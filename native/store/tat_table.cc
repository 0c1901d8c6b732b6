// Lookup, charge and eviction. The header has the invariants; comments here cite their numbers.
#include "tat_table.h"

#include <algorithm>
#include <cmath>

#include "tat_slots.h"

namespace sluice {
namespace {

constexpr std::size_t kMovesPerWrite = 32;  // enough to finish long before the next one fills up
constexpr std::size_t kEvictReach = 256;

}  // namespace

std::size_t TatTable::capacity() const {
  const Quiescence::Guard guard;
  return current_.load(std::memory_order_seq_cst)->slots;
}

Nanos TatTable::Cell::tat() const {
  return tat_word != nullptr && IsLive(seen) ? TatOf(seen & ~kFrozen) : Nanos{0};
}

bool TatTable::Cell::held() const { return tat_word != nullptr && IsLive(seen); }

bool TatTable::Cell::denied() const {
  return held() && (key->load(std::memory_order_relaxed) & kDenied) != 0;
}

std::uint64_t TatTable::CodeFor(const TatRule& rule) { return CodeOf(rule); }

// The only search: through the generations, in each from the key's home to the first empty slot.
// `on_frozen(generation, index)` returns whether the given slot has been moved.
template <typename OnFrozen>
TatTable::Cell TatTable::Look(std::uint64_t hash, OnFrozen on_frozen) const {
  Cell cell{};
  Generation* in = current_.load(std::memory_order_seq_cst);
  while (in != nullptr) {
    std::size_t i = in->Home(hash);
    std::size_t probes = 0;
    for (; probes < in->slots; ++probes, i = in->After(i)) {
      Slot& slot = in->data[i];
      const std::uint64_t key = slot.key.load(std::memory_order_acquire);
      if (key == kEmpty) return cell;  // (4): not here, and not in the next either
      if (key == kClosed) break;
      if (!SameKey(key, hash)) continue;
      const std::uint64_t word = slot.tat.load(std::memory_order_acquire);
      if (word == kMoved) break;
      if ((word & kFrozen) != 0 && on_frozen(*in, i)) break;
      cell.key = &slot.key;
      cell.tat_word = &slot.tat;
      cell.seen = word;
      return cell;
    }
    in = in->next.load(std::memory_order_acquire);
  }
  return cell;
}

TatTable::Cell TatTable::Find(std::uint64_t hash, Nanos now) {
  return Look(hash, [this, now](Generation& in, std::size_t index) {
    MoveSlot(in, index, now);
    return true;
  });
}

TatTable::Cell TatTable::Peek(std::uint64_t hash) const {
  // A frozen word is still valid: until it is moved, no thread charges its copy (4).
  return Look(hash, [](Generation&, std::size_t) { return false; });
}

void TatTable::HelpGrow(Nanos now) {
  if (to_free_.load(std::memory_order_relaxed)) FreeSome();
  Generation* current = current_.load(std::memory_order_seq_cst);
  if (current->next.load(std::memory_order_acquire) != nullptr) {
    HelpMove(*current, kMovesPerWrite, now);
  }
}

bool TatTable::Set(const Cell& cell, std::uint64_t hash, Nanos tat, const TatRule& rule, Nanos now,
                   LastDecision last) {
  HelpGrow(now);
  if (cell.claimed()) return Charge(cell, tat, rule, last);
  Slot& slot = Claim(hash, CodeOf(rule), now);
  Cell fresh{};
  fresh.key = &slot.key;
  fresh.tat_word = &slot.tat;
  fresh.seen = slot.tat.load(std::memory_order_acquire);
  if (fresh.seen != kUncharged && fresh.seen != kDead) return false;  // another thread was first
  return Charge(fresh, tat, rule, last);
}

bool TatTable::Charge(const Cell& cell, Nanos tat, const TatRule& rule, LastDecision last) {
  std::uint64_t seen = cell.seen;
  const bool enters = seen == kUncharged || seen == kDead;
  if (enters) live_.fetch_add(1, std::memory_order_relaxed);  // before it can be removed again
  if (!cell.tat_word->compare_exchange_strong(seen, WordOf(tat), std::memory_order_acq_rel)) {
    if (enters) live_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  const std::uint64_t hints = CodeOf(rule) | (last == LastDecision::kDenied ? kDenied : 0);
  std::uint64_t key_word = cell.key->load(std::memory_order_relaxed);
  if ((key_word & kHintMask) != hints) {  // for eviction alone: a lost race does not matter
    cell.key->compare_exchange_strong(key_word, (key_word & ~kHintMask) | hints,
                                      std::memory_order_relaxed);
  }
  return true;
}

void TatTable::MarkDenied(const Cell& cell) {
  if (!cell.held() || cell.denied()) return;
  cell.key->fetch_or(kDenied, std::memory_order_relaxed);
}

bool TatTable::Erase(const Cell& cell) {
  std::uint64_t seen = cell.seen;
  if (cell.tat_word == nullptr || !IsLive(seen)) return true;
  removals_.fetch_add(1, std::memory_order_relaxed);  // visible with all later changes
  if (!cell.tat_word->compare_exchange_strong(seen, kDead, std::memory_order_acq_rel)) return false;
  live_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

// Finds the key's slot, or claims one for it, in its current generation.
TatTable::Slot& TatTable::Claim(std::uint64_t hash, std::uint64_t code, Nanos now) {
  const std::uint64_t key_word = (hash & ~kHintMask) | code;
  Generation* in = current_.load(std::memory_order_seq_cst);
  std::size_t probes = 0;
  for (std::size_t i = in->Home(hash);;) {
    if (probes++ == in->slots) {  // full: only more threads than it has spare slots can do that
      FinishMove(*in, now);
      StartGrowth(*in, now);
      in = in->next.load(std::memory_order_acquire);
      i = in->Home(hash);
      probes = 0;
      continue;
    }
    Slot& slot = in->data[i];
    std::uint64_t key = slot.key.load(std::memory_order_acquire);
    Generation* next = in->next.load(std::memory_order_acquire);
    if (key == kEmpty && next == nullptr) {
      // The next generation can fill up before the last has been emptied into it: a small one
      // within the time slice of a descheduled helper.
      if (in->Crowded()) FinishMove(*in, now);
      if (!slot.key.compare_exchange_strong(key, key_word, std::memory_order_acq_rel)) continue;
      in->claimed.fetch_add(1, std::memory_order_relaxed);
      if (in->Crowded()) StartGrowth(*in, now);
      return slot;
    }
    if (key == kEmpty) {  // (4): close the way before looking further
      if (!slot.key.compare_exchange_strong(key, kClosed, std::memory_order_acq_rel)) continue;
      CountMoved(*in);
      key = kClosed;
    }
    bool elsewhere = key == kClosed;
    if (SameKey(key, hash)) {
      const std::uint64_t word = slot.tat.load(std::memory_order_acquire);
      if ((word & kFrozen) == 0) return slot;
      MoveSlot(*in, i, now);
      elsewhere = true;
    }
    if (elsewhere) {
      in = in->next.load(std::memory_order_acquire);
      i = in->Home(hash);
      probes = 0;
    } else {
      i = in->After(i);
    }
  }
}

TatTable::Victim TatTable::PickVictim(std::uint64_t hash, std::span<const EntryHash> spared,
                                      Nanos now) const {
  Victim victim;
  int looked_at = 0;
  for (Generation* in = current_.load(std::memory_order_seq_cst);
       in != nullptr && looked_at < kVictimsLookedAt;
       in = in->next.load(std::memory_order_acquire)) {
    std::size_t i = in->Home(hash);
    const std::size_t reach = std::min(kEvictReach, in->slots);
    for (std::size_t n = 0; n < reach && looked_at < kVictimsLookedAt; ++n, i = in->After(i)) {
      const std::uint64_t word = in->data[i].tat.load(std::memory_order_acquire);
      if (!IsLive(word) || (word & kFrozen) != 0) continue;
      const std::uint64_t key = in->data[i].key.load(std::memory_order_relaxed);
      if (std::ranges::any_of(spared, [key](EntryHash e) { return SameKey(key, e.bits); })) {
        continue;
      }
      ++looked_at;
      const Nanos backlog = TatOf(word) - now;
      double rank = kExpiredRank;
      if (backlog > Nanos{0}) {
        rank = std::ldexp(static_cast<double>(backlog.count()), -static_cast<int>(key & kCodeMask));
        if ((key & kDenied) != 0) rank += kDeniedRank;
      }
      if (rank >= victim.rank) continue;
      victim.rank = rank;
      victim.tat_word = &in->data[i].tat;
      victim.seen = word;
      if (rank == kExpiredRank) return victim;
    }
  }
  return victim;
}

bool TatTable::Evict(const Victim& victim) {
  std::uint64_t seen = victim.seen;
  removals_.fetch_add(1, std::memory_order_relaxed);
  if (!victim.tat_word->compare_exchange_strong(seen, kDead, std::memory_order_acq_rel)) {
    return false;
  }
  live_.fetch_sub(1, std::memory_order_relaxed);
  if (victim.rank != kExpiredRank) evicted_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace sluice
