// The open reservations of a memory store, and for kIdLife those that were closed. Private to the
// store.
//
// A table in parts, each under a lock of its own. A lock is held while the states of its keys are
// changed, so that of two operations on a reservation the second sees what the first did. Checks
// take no lock of it, unless a reservation of their part has expired (StoreTables::HasDueHold).
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "core/algorithm.h"
#include "core/ledger.h"
#include "core/policy.h"
#include "store/hashes.h"

namespace sluice {

class LedgerTable {
 public:
  static constexpr std::size_t kParts = 64;
  /// The most closed reservations that are remembered. One more forgets the oldest of its part.
  static constexpr std::size_t kMostClosed = 100'000;

  static std::size_t PartOf(EntryHash entry) {
    return static_cast<std::size_t>(entry.bits >> 40) % kParts;
  }

  /// A hold, and what settles it after its limiter has ended.
  struct Open {
    Hold hold;
    Algorithm algorithm;
  };

  struct Closed {
    HoldOutcome outcome = HoldOutcome::kUnknown;
    std::int64_t charged = 0;
    Micros at{0};  ///< when it was closed, or expired
  };

  /// A hold that expired.
  struct Due {
    EntryHash entry;
    Open open;
    HolderId holder;
  };

 private:
  struct Ledger {
    std::map<HolderId, Open> open;
    std::set<std::pair<Micros, HolderId>> by_expiry;
  };
  struct Part {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Ledger> ledgers;
    /// The first expiry of each ledger.
    std::set<std::pair<Micros, std::uint64_t>> first;
    std::map<std::pair<std::uint64_t, HolderId>, Closed> closed;
    std::deque<std::pair<Micros, std::pair<std::uint64_t, HolderId>>> closed_order;
  };

 public:
  /// `wall_offset`: Moment::wall less the clock.
  explicit LedgerTable(Micros wall_offset);
  ~LedgerTable();
  LedgerTable(const LedgerTable&) = delete;
  LedgerTable& operator=(const LedgerTable&) = delete;

  /// Holds the parts of some entries. Use it only for these, and for all at one time `now`.
  class Lock {
   public:
    /// At most kMaxPolicies entries.
    Lock(LedgerTable& table, std::span<const EntryHash> entries, Micros now);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    /// Null if there is none. Valid until the ledger is changed. Change no `expires` through it.
    Open* Find(EntryHash entry, HolderId holder) const;
    Closed FindClosed(EntryHash entry, HolderId holder) const;
    std::size_t CountOf(EntryHash entry) const;
    /// The first expiry of the entry's holds; none if it has none.
    std::optional<Micros> FirstOf(EntryHash entry) const;

    /// Precondition: there is no such hold.
    void Add(EntryHash entry, HolderId holder, const Open& open);
    /// Moves the expiry of a hold. Precondition: there is one.
    void Renew(EntryHash entry, HolderId holder, Micros expires);
    /// Closes a hold, and remembers how. Precondition: there is one.
    void Close(EntryHash entry, HolderId holder, const Closed& closed);
    /// Forgets all holds of the entry, open and closed.
    void Forget(EntryHash entry);
    /// The hold of the entry that expired first, if one has; of any entry of its part if the entry
    /// has none and `of_others`. It stays open.
    std::optional<Due> NextDue(EntryHash entry, bool of_others) const;

   private:
    Part& PartOf(EntryHash entry) const { return all_[LedgerTable::PartOf(entry)]; }
    Ledger* LedgerOf(EntryHash entry) const;
    // Brings the part's order in step with a change of the ledger.
    void Reorder(EntryHash entry, std::optional<Micros> first_before);
    void DropClosed(Part& part) const;

    LedgerTable& table_;
    Part* const all_;
    const Micros now_;
    std::array<std::size_t, kMaxPolicies> parts_;  // ascending; `held_` of them
    std::size_t held_ = 0;
  };

  /// Whether there never was a hold.
  bool empty() const { return parts_.load(std::memory_order_acquire) == nullptr; }
  /// The open holds.
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  /// Whether a hold of the entry's part may have expired.
  bool HasDue(EntryHash entry, Nanos now) const {
    return now.count() >= first_[PartOf(entry)].load(std::memory_order_acquire);
  }

 private:
  static constexpr Nanos::rep kNone = std::numeric_limits<Nanos::rep>::max();

  /// Created with the first reservation: most stores never have one.
  Part* Parts();

  const Micros wall_offset_;
  std::atomic<Part*> parts_{nullptr};
  /// The first expiry in each part, on the store's clock.
  std::array<std::atomic<Nanos::rep>, kParts> first_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace sluice
