// Times of changes in hashed slots.
#include "limiter/key_changes.h"

#include <functional>

namespace sluice {

// Not keyed: a forged collision only makes this process ask Redis more often.
std::size_t KeyChanges::SlotOf(std::string_view key) {
  return std::hash<std::string_view>()(key) % kSlots;
}

void KeyChanges::Note(std::string_view key) {
  const Tick tick = ++last_;
  std::atomic<Tick>& slot = slots_[SlotOf(key)];
  // Another thread may have noted a later change already.
  for (Tick held = slot.load(); held < tick && !slot.compare_exchange_weak(held, tick);) {
  }
}

KeyChanges::Tick KeyChanges::Latest(std::string_view key) const {
  return slots_[SlotOf(key)].load();
}

}  // namespace sluice
