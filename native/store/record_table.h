// A bounded hash table from keyed hashes to states larger than one word, for any number of threads.
//
// It is cut into stripes, each a small table under a lock of its own. A stripe grows by itself, so
// that no call waits for more than a few thousand entries to move. A call that needs several
// stripes locks all of them, in the order of their numbers, before it reads any. So it reads,
// decides and changes in one step.
//
// While a lock is held nothing is allocated, freed or asked of the system. A change first finds out
// (Lock::Ready) whether all it needs is there; if not, it lets go, has it supplied (Supply), and
// starts again. Unused memory is handed out and freed after unlocking.
//
// The locks are std::mutex rather than spin locks. They are held for some hundred ns (100 us while
// a list of 100,000 moves), but a holder may lose its CPU at any moment. Waiters that sleep then
// let it run; waiters that spin would use up its time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "core/policy.h"
#include "record_stripe.h"
#include "store/hashes.h"
#include "victim_rank.h"

namespace sluice {

class RecordTable {
 private:
  struct alignas(64) Stripe {
    std::mutex mutex;
    RecordStripe table;
  };

 public:
  /// `max_entries`: 1 to 2^32; a caller that adds makes room first (PickVictim).
  explicit RecordTable(std::size_t max_entries);
  ~RecordTable();
  RecordTable(const RecordTable&) = delete;
  RecordTable& operator=(const RecordTable&) = delete;

  /// Holds the stripes of some entries. Use it only for these.
  class Lock {
   public:
    /// At most kMaxPolicies entries.
    Lock(RecordTable& table, std::span<const EntryHash> entries);
    ~Lock() { Unlock(); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    /// Afterwards neither the lock nor its slots may be used.
    void Unlock();

    /// Null if there is none.
    RecordSlot* Find(EntryHash entry) const { return table_.StripeOf(entry).table.Find(entry); }
    /// Whether the entry (`slot`, or null for none) can take an addition without more memory.
    bool Ready(const RecordSlot* slot, EntryHash entry, const Algorithm& algorithm) const;

    /// The entry's slot, created if there is none. REQUIRES Ready.
    RecordSlot& Open(RecordSlot* slot, EntryHash entry, const Algorithm& algorithm, Micros now);
    /// Records a change to an entry: `after` is its reading at `now`; `weight` its weight before.
    /// The slot's entry is gone afterwards if it equals none; of all slots that were found under
    /// this lock, only one may be closed so.
    void Close(RecordSlot& slot, const Algorithm& algorithm, const Reading& after, Micros now,
               std::size_t weight);
    void Erase(RecordSlot& slot);

   private:
    RecordTable& table_;
    std::array<Stripe*, kMaxPolicies> stripes_;  // ascending; `held_` of them
    std::size_t held_ = 0;
    State erased_;  // freed after unlocking
  };

  /// Provides the needs of Lock::Ready. REQUIRES that the caller holds no lock.
  void Supply(EntryHash entry, const Algorithm& algorithm, Micros now);

  /// A candidate for eviction; see PickVictim.
  struct Victim {
    double rank = kNoRank;
    EntryHash entry;
    std::uint64_t figures = 0;
    bool denied = false;
  };
  /// As TatTable::PickVictim. Shares are those of the last charge. Locks; so does Evict.
  Victim PickVictim(EntryHash near, std::span<const EntryHash> spared, Micros now) const;
  bool Evict(const Victim& victim);

  /// The total weight of the entries, in keys (WeightOf).
  std::size_t weight() const { return weight_.load(std::memory_order_relaxed); }
  std::size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
  std::uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }

 private:
  /// Created with the first wide state: most stores never have one.
  Stripe* Stripes() const {
    Stripe* stripes = stripes_.load(std::memory_order_acquire);
    return stripes != nullptr ? stripes : MakeStripes();
  }
  Stripe* MakeStripes() const;
  Stripe& StripeOf(EntryHash entry) const { return Stripes()[IndexOf(entry)]; }
  std::size_t IndexOf(EntryHash entry) const {
    return static_cast<std::size_t>(entry.bits >> 48) & mask_;
  }
  void SupplySlots(Stripe& stripe, std::size_t capacity, Micros now);
  void SupplyList(Stripe& stripe, EntryHash entry, const Algorithm& algorithm, Micros now);
  void SupplyRoom(Stripe& stripe, EntryHash entry, const Algorithm& algorithm,
                  std::size_t capacity);

  const std::size_t mask_;  // the number of stripes, a power of two, less 1
  mutable std::atomic<Stripe*> stripes_{nullptr};
  std::atomic<std::size_t> weight_{0};
  std::atomic<std::size_t> capacity_{0};
  std::atomic<std::uint64_t> evicted_{0};
};

}  // namespace sluice
