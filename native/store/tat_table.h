// A bounded hash table from keyed hashes to TATs, for any number of threads, without locks.
//
// Layout: open addressing with linear probing; a slot is two words, 16 bytes: the key word and the
// TAT word. The table grows (and drops what has expired) by moving into a new generation of itself,
// a few slots with each write, so that no single call pays for it.
//
// Invariants, on which everything below rests:
//   1. In one generation a slot is claimed by one key and never changes hands: its key word goes
//      from 0 (empty) to a key, or to kClosed, once. So a thread that has found a key's slot may
//      compare-and-swap its TAT word, however late: it is still that key's.
//   2. A key has at most one slot in a generation: all threads probe in the same order, and claim
//      the first empty slot they meet or find that someone has.
//   3. A TAT word never returns to a value that it had before it was frozen, moved or dead, except
//      by the key's own charges. Frozen and moved words fail every charge.
//   4. A key is looked for in the next generation only after its slot here is moved, or an empty
//      slot on its way is closed. So nobody sees it there before its TAT is.
//   5. At most two generations are in use: the next one starts moving only when the one before it
//      has been emptied. An emptied one is freed when no thread can be looking at it (Quiescence).
//
// Source: the claimed-once slots and the incremental move follow C. Click, "A lock-free hash table"
// (2007).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/tat.h"
#include "core/time.h"
#include "quiescence.h"
#include "store/hashes.h"
#include "victim_rank.h"

namespace sluice {

class TatTable {
 public:
  /// The answer to the key's last call. Denied keys are evicted last.
  enum class LastDecision : std::uint8_t { kAdmitted, kDenied };

  /// The place and the value of a key's TAT. Valid during the Guard under which it was found.
  class Cell {
   public:
    /// The TAT, or Nanos{0} for an unknown key.
    Nanos tat() const;
    /// Whether the key has an entry, even one whose TAT has passed.
    bool held() const;
    /// Whether the key's last call was denied.
    bool denied() const;
    /// Whether the key has a slot, so that Charge may be called.
    bool claimed() const { return tat_word != nullptr; }

   private:
    friend class TatTable;
    // Not initialised, so that room for many costs nothing; Find and Peek set all three.
    std::atomic<std::uint64_t>* key;
    std::atomic<std::uint64_t>* tat_word;
    std::uint64_t seen;
  };

  /// A candidate for eviction; see PickVictim.
  class Victim {
   public:
    /// Below 0: it has expired. Otherwise the used share of its limit; kDeniedRank and more for a
    /// denied key; kNoRank: there is no candidate.
    double rank = kNoRank;

   private:
    friend class TatTable;
    std::atomic<std::uint64_t>* tat_word = nullptr;
    std::uint64_t seen = 0;
  };

  /// `max_entries`: 1 to 2^32; a caller that enters a key makes room first (PickVictim).
  explicit TatTable(std::size_t max_entries);
  ~TatTable();
  TatTable(const TatTable&) = delete;
  TatTable& operator=(const TatTable&) = delete;

  // All of these REQUIRE that the caller holds a Quiescence::Guard, and ignore the low 7 bits of
  // `hash`. `now` is the time of the call: they may drop entries whose TAT has passed by then.

  /// Looks a key up before a charge or an erasure.
  Cell Find(std::uint64_t hash, Nanos now);
  /// Looks a key up, only to read it. Moves nothing.
  Cell Peek(std::uint64_t hash) const;
  /// Sets the key's TAT, and claims a slot if it has none, if it still is the one in `cell`.
  /// Otherwise changes nothing and returns false: find it again. `tat` > now.
  bool Set(const Cell& cell, std::uint64_t hash, Nanos tat, const TatRule& rule, Nanos now,
           LastDecision last = LastDecision::kAdmitted);

  // Set in three parts, for callers that hold a lock while they charge: only the last is free of
  // allocations and system calls.

  /// Does a part of a running move. Call it once for each charge.
  void HelpGrow(Nanos now);
  /// Claims a slot for a key that has none; find it again.
  void Reserve(std::uint64_t hash, const TatRule& rule, Nanos now) {
    Claim(hash, CodeFor(rule), now);
  }
  /// As Set. REQUIRES: cell.claimed().
  bool Charge(const Cell& cell, Nanos tat, const TatRule& rule,
              LastDecision last = LastDecision::kAdmitted);

  /// Marks the key as denied until its next charge: denied keys are evicted last.
  void MarkDenied(const Cell& cell);
  /// Erases the key if its TAT still is the one in `cell`.
  bool Erase(const Cell& cell);

  /// Picks from the entries near `hash` (at least 8 if there are so many), without `spared`.
  /// Prefers one that has expired, then the smallest share of its limit used, denied ones last.
  Victim PickVictim(std::uint64_t hash, std::span<const EntryHash> spared, Nanos now) const;
  /// Evicts it, unless it has changed since.
  bool Evict(const Victim& victim);

  /// The number of removed (or nearly removed) entries. While it stays the same, a key's entry
  /// includes every charge to it.
  std::uint64_t removals() const { return removals_.load(std::memory_order_acquire); }

  std::size_t entries() const { return live_.load(std::memory_order_relaxed); }
  std::uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }
  std::size_t capacity() const;

 private:
  struct Slot;
  struct Generation;
  struct Retired;

  template <typename OnFrozen>
  Cell Look(std::uint64_t hash, OnFrozen on_frozen) const;
  Slot& Claim(std::uint64_t hash, std::uint64_t code, Nanos now);
  static std::uint64_t CodeFor(const TatRule& rule);
  static Slot* ClaimCopy(Generation& in, std::uint64_t key_word);
  void StartGrowth(Generation& from, Nanos now);
  void HelpMove(Generation& from, std::size_t slots, Nanos now);
  void MoveSlot(Generation& from, std::size_t index, Nanos now);
  void FinishMove(Generation& into, Nanos now);
  void CountMoved(Generation& from);
  void Retire(Generation& from);
  void FreeSome();

  const std::size_t max_entries_;
  std::atomic<Generation*> current_;
  std::atomic<std::size_t> live_{0};
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint64_t> removals_{0};
  std::atomic<Retired*> retired_{nullptr};  // emptied generations, on their way to freeing_
  std::atomic<bool> to_free_{false};        // whether FreeSome has anything to do
  std::atomic_flag busy_freeing_;           // tried, never awaited; guards freeing_
  Retired* freeing_ = nullptr;
};

}  // namespace sluice
