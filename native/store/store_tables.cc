// Making room in both tables, and blocks.
#include "store_tables.h"

namespace sluice {
namespace {

// How often an entry that was to be given up may turn out to have been charged meanwhile.
constexpr int kMostMisses = 4;

}  // namespace

bool StoreTables::MakeRoom(std::size_t keys_more, EntryHash near, std::span<const EntryHash> spared,
                           const Moment& now) {
  for (int misses = 0; !HasRoomFor(keys_more);) {
    TatTable::Victim tat;
    WideTable::Victim wide;
    if (tats.entries() > 0) tat = tats.PickVictim(near.bits, spared, now.now);
    if (wides.weight() > 0 && tat.rank != kExpiredRank) {
      wide = wides.PickVictim(near, spared, now.wall);
    }
    if (tat.rank == kNoRank && wide.rank == kNoRank) return false;
    const bool gone = tat.rank <= wide.rank ? tats.Evict(tat) : wides.Evict(wide);
    if (!gone && ++misses == kMostMisses) return false;
  }
  return true;
}

void StoreTables::Block(EntryHash entry, Nanos span, bool replaces, const Moment& now) {
  const EntryHash block = BlockOf(entry);
  const TatRule rule{.capacity = 1, .interval = span};
  blocks_.store(true, std::memory_order_release);
  for (;;) {
    const TatTable::Cell cell = tats.Find(block.bits, now.now);
    if (!replaces && cell.tat() > now.now) return;
    if (!cell.held() && !HasRoomFor(1)) MakeRoom(1, block, {&entry, 1}, now);
    if (tats.Set(cell, block.bits, now.now + span, rule, now.now, TatTable::Standing::kDenied)) {
      return;
    }
  }
}

void StoreTables::EraseTat(EntryHash entry) {
  // Nothing has expired at 0, so looking drops nothing.
  while (!tats.Erase(tats.Find(entry.bits, Nanos{0}))) {
  }
}

}  // namespace sluice
