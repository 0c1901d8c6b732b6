// Linear probing. An erased slot leaves no mark: the slots behind it move up.
#include "record_stripe.h"

#include <utility>

namespace sluice {
RecordSlot* RecordStripe::Find(EntryHash entry) const {
  if (capacity_ == 0) return nullptr;
  for (std::size_t i = Home(entry); !slots_[i].empty(); i = After(i)) {
    if (slots_[i].Is(entry)) return &slots_[i];
  }
  return nullptr;
}

RecordSlot& RecordStripe::Insert(EntryHash entry, State&& state, Micros expires) {
  std::size_t i = Home(entry);
  while (!slots_[i].empty()) i = After(i);
  RecordSlot& slot = slots_[i];
  slot.state = std::move(state);
  slot.SetEntry(entry);
  slot.SetFigures(expires, 0);
  ++entries_;
  return slot;
}

State RecordStripe::Erase(RecordSlot& slot) {
  State erased = std::exchange(slot.state, {});
  --entries_;
  auto hole = static_cast<std::size_t>(&slot - slots_.get());
  for (std::size_t i = After(hole); !slots_[i].empty(); i = After(i)) {
    // It may move up to the hole unless its home is behind that.
    const std::size_t home = Home(slots_[i].entry());
    const bool behind = hole <= i ? hole < home && home <= i : hole < home || home <= i;
    if (behind) continue;
    slots_[hole] = std::move(slots_[i]);
    slots_[i].state = {};
    hole = i;
  }
  return erased;
}

std::size_t RecordStripe::WantedCapacity(Micros now) const {
  std::size_t worth = kMaxPolicies;  // the entries to come
  for (std::size_t i = 0; i < capacity_; ++i) {
    if (!slots_[i].empty() && slots_[i].expires() > now) ++worth;
  }
  // Grows by half: it fills from 53 % to 80 %.
  return worth * 15 / 8 + 1;
}

std::size_t RecordStripe::Exchange(Slots& slots, std::size_t capacity, Micros now) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < capacity_; ++i) {
    if (!slots_[i].empty() && slots_[i].expires() > now) ++kept;
  }
  if (!Fits(kept + kMaxPolicies, capacity)) return 0;
  slots_.swap(slots);
  const std::size_t old_capacity = std::exchange(capacity_, capacity);
  entries_ = kept;
  std::size_t dropped = 0;
  for (std::size_t n = 0; n < old_capacity; ++n) {
    RecordSlot& from = slots[n];
    if (from.empty()) continue;
    if (from.expires() <= now) {
      dropped += WeightOf(from.state);
      continue;
    }
    std::size_t i = Home(from.entry());
    while (!slots_[i].empty()) i = After(i);
    slots_[i] = std::move(from);
  }
  return dropped;
}

}  // namespace sluice
