// The two tables of a memory store, and the bound that they share.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/policy.h"
#include "core/time.h"
#include "ledger_table.h"
#include "record_table.h"
#include "store/clock.h"
#include "store/hashes.h"
#include "tat_table.h"

namespace sluice {

/// Thread safe. All but the constructor REQUIRE that the caller holds a Quiescence::Guard.
class StoreTables {
 public:
  /// `salt`: secret. `clock`: see MemoryStore::Options.
  /// `wall_offset`: Moment::wall less the clock.
  StoreTables(std::size_t max_keys, std::uint64_t salt, const Clock* clock, Micros wall_offset)
      : tats(max_keys),
        records(max_keys),
        ledgers(wall_offset),
        max_keys_(max_keys),
        salt_(salt),
        clock_(clock) {}

  /// The current time in a call that began at `now`: its thread may have stood still meanwhile.
  Nanos Later(Nanos now) const { return clock_ == nullptr ? now : std::max(now, clock_->Now()); }

  std::size_t keys() const { return tats.entries() + records.weight() + ledgers.size(); }
  std::size_t max_keys() const { return max_keys_; }
  bool HasRoomFor(std::size_t keys_more) const { return keys() + keys_more <= max_keys_; }
  /// Evicts entries of either table, except `spared`, until there is room for `keys_more` keys.
  /// Returns whether there is; not if all candidates are spared or change hands.
  /// REQUIRES that the caller holds no RecordTable::Lock.
  bool MakeRoom(std::size_t keys_more, EntryHash near, std::span<const EntryHash> spared,
                const Moment& now);

  /// A block is an entry among the TATs, which passes when the block ends.
  EntryHash BlockOf(EntryHash entry) const { return {entry.bits ^ salt_}; }
  /// False: the entry is not blocked at `now`. True: its block must be looked up.
  bool MayBeBlocked(EntryHash entry, Nanos now) const {
    return now.count() < block_ends_[PartOf(entry)].load(std::memory_order_acquire);
  }
  /// Sets a block. A running block stays as it is, unless it is to be replaced.
  void Block(EntryHash entry, Nanos span, bool replaces, const Moment& now);
  /// Forgets a state of one TAT, or a block.
  void EraseTat(EntryHash entry);

  TatTable tats;
  RecordTable records;
  LedgerTable ledgers;

 private:
  static constexpr std::size_t kBlockParts = 1024;
  static std::size_t PartOf(EntryHash entry) {
    return static_cast<std::size_t>(entry.bits >> 32) % kBlockParts;
  }

  const std::size_t max_keys_;
  const std::uint64_t salt_;
  const Clock* const clock_;
  /// The end of the last block among the entries of a part. So only entries of such parts pay for a
  /// lookup, and only while a block lasts.
  std::array<std::atomic<Nanos::rep>, kBlockParts> block_ends_{};
};

}  // namespace sluice
