// Stripes: finding, locking, supplying and evicting.
#include "record_table.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <variant>

namespace sluice {
namespace {

// A stripe of a full table holds up to a thousand entries: 70 KB, which move in some 20 us.
constexpr std::size_t kEntriesPerStripe = 1'024;
constexpr std::size_t kMostStripes = 16'384;
// Eviction search bounds: slots probed per stripe, and stripes visited.
constexpr std::size_t kVictimReach = 128;
constexpr std::size_t kVictimStripes = 16;
// The life of a supplied list: long enough to be used before anything drops it.
constexpr Micros kSupplyLasts{1};

std::size_t StripesFor(std::size_t max_entries) {
  return std::bit_ceil(std::clamp<std::size_t>(max_entries / kEntriesPerStripe, 1, kMostStripes));
}

std::uint64_t ShareOf(const Algorithm& algorithm, const Reading& reading) {
  return std::visit(
      [&reading](const auto& a) {
        if (a.limit() == 0) return RecordSlot::kLargestShare;
        const auto used = static_cast<std::uint64_t>(a.limit() - a.Remaining(reading));
        return used * RecordSlot::kLargestShare / static_cast<std::uint64_t>(a.limit());
      },
      algorithm);
}

Micros ExpiryOf(const Algorithm& algorithm, const Reading& reading, Micros now) {
  return now + std::visit([&reading](const auto& a) { return ToMicros(a.ResetAfter(reading)); },
                          algorithm);
}

double RankOf(const RecordSlot& slot, Micros now) {
  if (slot.expires() <= now) return kExpiredRank;
  const double share = static_cast<double>(slot.share()) / RecordSlot::kLargestShare;
  return slot.denied() ? kDeniedRank + share : share;
}

}  // namespace

RecordTable::RecordTable(std::size_t max_entries) : mask_(StripesFor(max_entries) - 1) {}

RecordTable::~RecordTable() { delete[] stripes_.load(); }

RecordTable::Stripe* RecordTable::MakeStripes() const {
  auto made = std::make_unique<Stripe[]>(mask_ + 1);
  Stripe* first = nullptr;  // made by another thread before us
  if (stripes_.compare_exchange_strong(first, made.get(), std::memory_order_acq_rel)) {
    return made.release();
  }
  return first;
}

RecordTable::Lock::Lock(RecordTable& table, std::span<const EntryHash> entries) : table_(table) {
  for (const EntryHash entry : entries) stripes_[held_++] = &table_.StripeOf(entry);
  const auto first = stripes_.begin();
  const auto end = first + static_cast<std::ptrdiff_t>(held_);
  std::sort(first, end);
  held_ = static_cast<std::size_t>(std::unique(first, end) - first);
  for (std::size_t i = 0; i < held_; ++i) stripes_[i]->mutex.lock();
}

void RecordTable::Lock::Unlock() {
  while (held_ > 0) stripes_[--held_]->mutex.unlock();
}

bool RecordTable::Lock::Ready(const RecordSlot* slot, EntryHash entry,
                              const Algorithm& algorithm) const {
  if (slot != nullptr) return RoomNeeded(slot->state) == 0;
  return !IsList(algorithm) && table_.StripeOf(entry).table.HasRoom();
}

RecordSlot& RecordTable::Lock::Open(RecordSlot* slot, EntryHash entry, const Algorithm& algorithm,
                                    Micros now) {
  if (slot != nullptr) return *slot;
  table_.weight_.fetch_add(1, std::memory_order_relaxed);
  return table_.StripeOf(entry).table.Insert(entry, FreshState(algorithm), now);
}

void RecordTable::Lock::Close(RecordSlot& slot, const Algorithm& algorithm, const Reading& after,
                              Micros now, std::size_t weight) {
  // Unsigned: adding a difference below 0 subtracts.
  table_.weight_.fetch_add(WeightOf(slot.state) - weight, std::memory_order_relaxed);
  const Micros expires = ExpiryOf(algorithm, after, now);
  if (expires <= now) return Erase(slot);
  slot.SetFigures(expires, ShareOf(algorithm, after));
}

void RecordTable::Lock::Erase(RecordSlot& slot) {
  table_.weight_.fetch_sub(WeightOf(slot.state), std::memory_order_relaxed);
  erased_ = table_.StripeOf(slot.entry()).table.Erase(slot);
}

void RecordTable::Supply(EntryHash entry, const Algorithm& algorithm, Micros now) {
  Stripe& stripe = StripeOf(entry);
  for (;;) {
    std::size_t slots = 0;
    std::size_t room = 0;
    {
      const std::scoped_lock lock(stripe.mutex);
      const RecordSlot* slot = stripe.table.Find(entry);
      if (slot != nullptr) {
        room = RoomNeeded(slot->state);
        if (room == 0) return;
      } else if (!stripe.table.HasRoom()) {
        slots = stripe.table.WantedCapacity(now);
      } else if (!IsList(algorithm)) {
        return;
      }
    }
    if (room != 0) {
      SupplyRoom(stripe, entry, algorithm, room);
    } else if (slots != 0) {
      SupplySlots(stripe, slots, now);
    } else {
      SupplyList(stripe, entry, algorithm, now);
    }
  }
}

void RecordTable::SupplySlots(Stripe& stripe, std::size_t capacity, Micros now) {
  auto slots = std::make_unique<RecordSlot[]>(capacity);  // written, so that no page faults below
  const std::scoped_lock lock(stripe.mutex);
  if (stripe.table.HasRoom()) return;  // another thread was first
  const std::size_t before = stripe.table.capacity();
  const std::size_t dropped = stripe.table.Exchange(slots, capacity, now);
  weight_.fetch_sub(dropped, std::memory_order_relaxed);
  capacity_.fetch_add(stripe.table.capacity() - before, std::memory_order_relaxed);
}

// An entry with an empty list that has room for the first items.
void RecordTable::SupplyList(Stripe& stripe, EntryHash entry, const Algorithm& algorithm,
                             Micros now) {
  State state = FreshState(algorithm);
  GrowRoom(algorithm, state);
  const std::scoped_lock lock(stripe.mutex);
  if (stripe.table.Find(entry) != nullptr || !stripe.table.HasRoom()) return;
  weight_.fetch_add(1, std::memory_order_relaxed);
  stripe.table.Insert(entry, std::move(state), now + kSupplyLasts);
}

void RecordTable::SupplyRoom(Stripe& stripe, EntryHash entry, const Algorithm& algorithm,
                             std::size_t capacity) {
  ListRoom room = NewRoom(algorithm, capacity);
  const std::scoped_lock lock(stripe.mutex);
  RecordSlot* slot = stripe.table.Find(entry);
  if (slot != nullptr && RoomNeeded(slot->state) != 0) Exchange(slot->state, room, capacity);
}

RecordTable::Victim RecordTable::PickVictim(EntryHash near, std::span<const EntryHash> spared,
                                            Micros now) const {
  Victim victim;
  int looked_at = 0;
  for (std::size_t n = 0; n < std::min(kVictimStripes, mask_ + 1); ++n) {
    Stripe& stripe = Stripes()[(IndexOf(near) + n) & mask_];
    const std::scoped_lock lock(stripe.mutex);
    stripe.table.ForEachNear(near, kVictimReach, [&](const RecordSlot& slot) {
      if (std::ranges::any_of(spared, [&slot](EntryHash e) { return slot.Is(e); })) return true;
      ++looked_at;
      if (const double rank = RankOf(slot, now); rank < victim.rank) {
        victim = {.rank = rank,
                  .entry = slot.entry(),
                  .figures = slot.figures(),
                  .denied = slot.denied()};
      }
      return victim.rank != kExpiredRank && looked_at < kVictimsLookedAt;
    });
    if (victim.rank == kExpiredRank || looked_at >= kVictimsLookedAt) break;
  }
  return victim;
}

bool RecordTable::Evict(const Victim& victim) {
  Lock lock(*this, {&victim.entry, 1});
  RecordSlot* slot = lock.Find(victim.entry);
  if (slot == nullptr || slot->figures() != victim.figures || slot->denied() != victim.denied) {
    return false;
  }
  lock.Erase(*slot);
  if (victim.rank != kExpiredRank) evicted_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace sluice
