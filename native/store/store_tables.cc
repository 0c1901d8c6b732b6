// Eviction from both tables, and blocks.
#include "store_tables.h"

#include <algorithm>

namespace sluice {
namespace {

// The number of times that a victim may turn out to have been charged meanwhile.
constexpr int kMostMisses = 4;
// The number of places to search for an entry that is neither denied nor blocked.
constexpr std::uint64_t kPlaces = 4;

EntryHash Elsewhere(EntryHash near, std::uint64_t place) {
  return {near.bits + place * 0x9e3779b97f4a7c15};  // the golden ratio: all places are far apart
}

}  // namespace

bool StoreTables::MakeRoom(std::size_t keys_more, EntryHash near, std::span<const EntryHash> spared,
                           const Moment& now) {
  for (int misses = 0; !HasRoomFor(keys_more);) {
    // Next to the new key's place, so that all parts of a table stay equally full. An entry that
    // enters again and again, like a growing list, uses up its neighbours: then elsewhere.
    const std::uint64_t gone = tats.evicted() + records.evicted();
    TatTable::Victim tat;
    RecordTable::Victim record;
    for (std::uint64_t n = 0; n < kPlaces && std::min(tat.rank, record.rank) >= kDeniedRank; ++n) {
      const EntryHash place = n == 0 ? near : Elsewhere(near, gone * kPlaces + n);
      if (tats.entries() > 0) {
        const TatTable::Victim found = tats.PickVictim(place.bits, spared, now.now);
        if (found.rank < tat.rank) tat = found;
      }
      if (records.weight() > 0 && tat.rank != kExpiredRank) {
        const RecordTable::Victim found = records.PickVictim(place, spared, ToMicros(now.now));
        if (found.rank < record.rank) record = found;
      }
    }
    if (tat.rank == kNoRank && record.rank == kNoRank) return false;
    const bool evicted = tat.rank <= record.rank ? tats.Evict(tat) : records.Evict(record);
    if (!evicted && ++misses == kMostMisses) return false;
  }
  return true;
}

void StoreTables::Block(EntryHash entry, Nanos span, bool replaces, const Moment& now) {
  const EntryHash block = BlockOf(entry);
  const TatRule rule{.capacity = 1, .interval = span};
  std::atomic<Nanos::rep>& last_end = block_ends_[PartOf(entry)];
  const Nanos::rep end = (now.now + span).count();
  for (Nanos::rep seen = last_end.load(std::memory_order_relaxed);
       seen < end && !last_end.compare_exchange_weak(seen, end, std::memory_order_acq_rel);) {
  }
  for (;;) {
    const TatTable::Cell cell = tats.Find(block.bits, now.now);
    if (!replaces && cell.tat() > now.now) return;
    if (!cell.held() && !HasRoomFor(1)) MakeRoom(1, block, {&entry, 1}, now);
    if (tats.Set(cell, block.bits, now.now + span, rule, now.now,
                 TatTable::LastDecision::kDenied)) {
      return;
    }
  }
}

void StoreTables::EraseTat(EntryHash entry) {
  // Nothing has expired at time 0, so the search drops nothing.
  while (!tats.Erase(tats.Find(entry.bits, Nanos{0}))) {
  }
}

}  // namespace sluice
