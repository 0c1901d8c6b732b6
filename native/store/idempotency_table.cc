// A table in parts, each with its own lock and insertion order.
#include "store/idempotency_table.h"

#include <utility>

namespace sluice {

IdempotencyTable::Access::Access(IdempotencyTable& table, IdHash id, Nanos now)
    : part_(table.parts_[id % kParts]), id_(id), now_(now), lock_(part_.mutex) {
  const auto found = part_.entries.find(id);
  if (found != part_.entries.end() && IsKnownId(found->second.at, now)) known_ = &found->second;
}

void IdempotencyTable::Access::Keep(Entry entry) {
  known_ = nullptr;
  // Drops expired ids, and the oldest ones if there are too many.
  while (!part_.order.empty()) {
    const Charge& oldest = part_.order.front();
    const bool full = part_.order.size() >= kCapacity / kParts;
    if (!full && IsKnownId(oldest.at, now_)) break;
    const auto found = part_.entries.find(oldest.id);
    if (found != part_.entries.end() && found->second.at == oldest.at) part_.entries.erase(found);
    part_.order.pop_front();
  }
  part_.order.push_back({.id = id_, .at = entry.at});
  part_.entries.insert_or_assign(id_, std::move(entry));
}

std::size_t IdempotencyTable::size() {
  std::size_t size = 0;
  for (Part& part : parts_) {
    const std::scoped_lock lock(part.mutex);
    size += part.entries.size();
  }
  return size;
}

}  // namespace sluice
