// Generations of the table: the move into the next one, and the freeing of the emptied one.
// tat_table.h has the invariants; comments here cite their numbers.
#include <algorithm>

#include "tat_slots.h"
#include "tat_table.h"

namespace sluice {
namespace {

constexpr std::size_t kSmallest = 256;  // slots of the first generation: 4 KiB
constexpr std::size_t kFreeStep = 256 * 1024;

}  // namespace

TatTable::TatTable(std::size_t max_entries)
    : max_entries_(max_entries), current_(new Generation(kSmallest, Nanos{0})) {}

TatTable::~TatTable() {
  Generation* current = current_.load();
  delete current->next.load();
  delete current;
  for (Retired* list : {retired_.load(), freeing_}) {
    while (list != nullptr) {
      Retired* next = list->next;
      delete list->generation;
      delete list;
      list = next;
    }
  }
}

// The slot for a key's copy, or null if there is no room. Several helpers may call it and get the
// same answer (2): a slot that one of them found taken stays taken.
TatTable::Slot* TatTable::ClaimCopy(Generation& in, std::uint64_t key_word) {
  std::size_t i = in.Home(key_word);
  for (std::size_t probes = 0; probes < in.slots; ++probes, i = in.After(i)) {
    Slot& slot = in.data[i];
    std::uint64_t key = slot.key.load(std::memory_order_acquire);
    if (key == kEmpty &&
        slot.key.compare_exchange_strong(key, key_word, std::memory_order_acq_rel)) {
      in.claimed.fetch_add(1, std::memory_order_relaxed);
      return &slot;
    }
    if (SameKey(key, key_word)) return &slot;
  }
  return nullptr;
}

// Sizes the next generation for the live entries at a load of 45 %, or for the maximum number at
// 60 %. It starts moving at 75 %, after enough inserts for their help to suffice.
void TatTable::StartGrowth(Generation& from, Nanos now) {
  if (current_.load(std::memory_order_seq_cst) != &from) return;  // (5)
  if (from.next.load(std::memory_order_acquire) != nullptr) return;
  // Many entries may have expired: a sample shows. It errs upwards, and a generation has at least
  // an eighth of the last one's size, so that moved entries find room (see MoveSlot).
  constexpr std::size_t kSample = 256;
  constexpr std::size_t kErr = 16;
  std::size_t worth = kErr;
  for (std::size_t n = 0; n < kSample; ++n) {
    const std::uint64_t word =
        from.data[n * (from.slots / kSample)].tat.load(std::memory_order_acquire);
    if (IsLive(word) && TatOf(word) > now) ++worth;
  }
  const std::size_t most = max_entries_ / 3 * 5 + kSmallest;
  const std::size_t wanted = from.slots / kSample * worth / 9 * 20;
  // Close to the maximum, take the last step at once: a small one would be a wasted move.
  const std::size_t size = wanted < most / 3 * 2 ? wanted : most;
  auto* next = new Generation(std::max({kSmallest, from.slots / 8, size}), now);
  Generation* none = nullptr;
  if (!from.next.compare_exchange_strong(none, next, std::memory_order_acq_rel)) delete next;
}

// Visits the slots again and again until all are moved, so that a descheduled helper cannot block.
void TatTable::HelpMove(Generation& from, std::size_t slots, Nanos now) {
  std::size_t i = from.cursor.fetch_add(slots, std::memory_order_relaxed) % from.slots;
  for (; slots > 0; --slots, i = from.After(i)) {
    if (from.moved.load(std::memory_order_relaxed) == from.slots) return;
    MoveSlot(from, i, now);
  }
}

void TatTable::MoveSlot(Generation& from, std::size_t index, Nanos now) {
  Slot& slot = from.data[index];
  std::uint64_t key = slot.key.load(std::memory_order_acquire);
  if (key == kEmpty && slot.key.compare_exchange_strong(key, kClosed, std::memory_order_acq_rel)) {
    CountMoved(from);
    return;
  }
  if (key == kClosed) return;
  Generation& next = *from.next.load(std::memory_order_acquire);
  const Nanos expired = std::max(now, next.counted_at);
  std::uint64_t word = slot.tat.load(std::memory_order_acquire);
  while ((word & kFrozen) == 0) {
    if (!IsLive(word) || TatOf(word) <= expired) {  // nothing to carry over
      const bool held = IsLive(word);
      if (held) removals_.fetch_add(1, std::memory_order_relaxed);
      if (!slot.tat.compare_exchange_weak(word, kMoved, std::memory_order_acq_rel)) continue;
      if (held) live_.fetch_sub(1, std::memory_order_relaxed);
      CountMoved(from);
      return;
    }
    if (slot.tat.compare_exchange_weak(word, word | kFrozen, std::memory_order_acq_rel)) {
      word |= kFrozen;
    }
  }
  if (word == kMoved) return;
  Slot* copy = ClaimCopy(next, key);
  if (copy != nullptr) {
    // The first copy wins; a late helper finds the copy charged, dead or moved on (3).
    std::uint64_t uncharged = kUncharged;
    copy->tat.compare_exchange_strong(uncharged, word & ~kFrozen, std::memory_order_acq_rel);
  } else {
    // There are more entries than were counted: while the counting thread was descheduled, others
    // charged entries that had expired. Entries without room are dropped.
    removals_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!slot.tat.compare_exchange_strong(word, kMoved, std::memory_order_acq_rel)) return;
  if (copy == nullptr) {
    live_.fetch_sub(1, std::memory_order_relaxed);
    evicted_.fetch_add(1, std::memory_order_relaxed);
  }
  CountMoved(from);
}

// Moves everything into `into`, so that it may grow in its turn. Does not rely on the count of
// moved slots: a helper may be descheduled between moving and counting.
void TatTable::FinishMove(Generation& into, Nanos now) {
  Generation* from = current_.load(std::memory_order_seq_cst);
  if (from == &into || from->next.load(std::memory_order_acquire) != &into) return;
  HelpMove(*from, from->slots, now);
  Retire(*from);
}

// Each slot is counted once, by the thread that closed or moved it.
void TatTable::CountMoved(Generation& from) {
  if (from.moved.fetch_add(1, std::memory_order_acq_rel) + 1 == from.slots) Retire(from);
}

// REQUIRES: every slot of `from` is moved or closed. One of the threads that know that retires it.
void TatTable::Retire(Generation& from) {
  Generation* current = &from;
  if (!current_.compare_exchange_strong(current, from.next.load(std::memory_order_acquire),
                                        std::memory_order_seq_cst)) {
    return;
  }
  auto* retired = new Retired{&from, Quiescence::Grace(), retired_.load(std::memory_order_relaxed)};
  while (!retired_.compare_exchange_weak(retired->next, retired, std::memory_order_seq_cst)) {
  }
  to_free_.store(true, std::memory_order_seq_cst);
}

// Frees a part of the retired memory: freeing a large table at once takes milliseconds.
void TatTable::FreeSome() {
  if (busy_freeing_.test_and_set(std::memory_order_acquire)) return;
  // Sequentially consistent with Retire: an addition too late for the loop sets the flag again.
  to_free_.store(false, std::memory_order_seq_cst);
  while (Retired* r = retired_.load(std::memory_order_seq_cst)) {
    if (!retired_.compare_exchange_weak(r, r->next, std::memory_order_acq_rel)) continue;
    r->next = freeing_;
    freeing_ = r;
  }
  if (freeing_ != nullptr && freeing_->grace.Over()) {
    Generation& old = *freeing_->generation;
    const std::size_t step = std::min(kFreeStep, old.bytes() - old.freed);
    munmap(reinterpret_cast<char*>(old.data) + old.freed, step);
    old.freed += step;
    if (old.freed == old.bytes()) {
      Retired* done = freeing_;
      freeing_ = done->next;
      delete done->generation;
      delete done;
    }
  }
  if (freeing_ != nullptr) to_free_.store(true, std::memory_order_relaxed);
  busy_freeing_.clear(std::memory_order_release);
}

}  // namespace sluice
