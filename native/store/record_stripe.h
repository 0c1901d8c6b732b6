// A part of the table of records: a small open-addressing table. Not thread safe. Never
// allocates or frees: callers pass in larger arrays and get the old ones back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/policy.h"
#include "core/state.h"
#include "core/time.h"
#include "store/hashes.h"

namespace sluice {

/// An entry: 48 bytes. Empty where the state is std::monostate.
class RecordSlot {
 public:
  static constexpr std::uint64_t kLargestShare = 1023;

  bool empty() const { return state.index() == 0; }
  bool Is(EntryHash entry) const { return ((key_ ^ entry.bits) >> 1) == 0; }
  EntryHash entry() const { return {key_ & ~std::uint64_t{1}}; }
  bool denied() const { return (key_ & 1) != 0; }
  /// The time when the state equals a new one.
  Micros expires() const { return Micros{static_cast<std::int64_t>(figures_ >> 10)}; }
  /// The used share of its limit, in parts of kLargestShare.
  std::uint64_t share() const { return figures_ & kLargestShare; }
  /// Changes with every charge, so it shows whether the entry has changed.
  std::uint64_t figures() const { return figures_; }

  void SetEntry(EntryHash entry) { key_ = entry.bits & ~std::uint64_t{1}; }
  void SetDenied(bool denied) { key_ = (key_ & ~std::uint64_t{1}) | (denied ? 1 : 0); }
  /// expires >= 0; share at most kLargestShare.
  void SetFigures(Micros expires, std::uint64_t share) {
    figures_ = (static_cast<std::uint64_t>(expires.count()) << 10) | share;
  }

  State state;

 private:
  std::uint64_t key_ = 0;      // the hash; its lowest bit is `denied`
  std::uint64_t figures_ = 0;  // 54 bits of us, 10 of share
};

class RecordStripe {
 public:
  using Slots = std::unique_ptr<RecordSlot[]>;

  std::size_t capacity() const { return capacity_; }
  std::size_t entries() const { return entries_; }

  /// Null if there is none. The pointer is valid until Erase or Exchange.
  RecordSlot* Find(EntryHash entry) const;
  /// Whether all entries of one call fit, because it does not check again between them.
  bool HasRoom() const { return Fits(entries_ + kMaxPolicies, capacity_); }
  /// Adds an unused entry. Preconditions: it is not there; HasRoom() before the first one of a
  /// call; there is a state.
  RecordSlot& Insert(EntryHash entry, State&& state, Micros expires);
  /// Returns its state, to be destroyed where that does no harm.
  State Erase(RecordSlot& slot);

  /// The number of slots to move into when there is no room: more, or the same if many have
  /// expired.
  std::size_t WantedCapacity(Micros now) const;
  /// Moves the entries that have not expired by `now` into `slots`, if they fit, and leaves the old
  /// slots there, with the expired entries. Returns the weight of those (WeightOf).
  std::size_t Exchange(Slots& slots, std::size_t capacity, Micros now);

  /// Calls `visit(slot)` for up to `reach` slots from the entry's home on, until it returns false.
  template <typename Visit>
  void ForEachNear(EntryHash entry, std::size_t reach, Visit visit) const {
    if (capacity_ == 0) return;
    std::size_t i = Home(entry);
    for (std::size_t n = std::min(reach, capacity_); n > 0; --n, i = After(i)) {
      if (!slots_[i].empty() && !visit(slots_[i])) return;
    }
  }

 private:
  /// Four fifths: beyond that, a search for an absent entry takes long.
  static bool Fits(std::size_t entries, std::size_t capacity) {
    return entries <= capacity / 5 * 4 + capacity % 5 * 4 / 5;
  }
  /// By the hash's middle: the upper bits are equal in a stripe.
  std::size_t Home(EntryHash entry) const {
    return static_cast<std::size_t>(((entry.bits >> 8) & 0xffffffff) * capacity_ >> 32);
  }
  std::size_t After(std::size_t i) const { return i + 1 == capacity_ ? 0 : i + 1; }

  Slots slots_;
  std::size_t capacity_ = 0;
  std::size_t entries_ = 0;
};

}  // namespace sluice
