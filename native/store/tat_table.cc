// The lock-free table of TATs. The invariants are in the header; comments here cite their numbers.
#include "tat_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>

namespace sluice {
namespace {

__extension__ using UInt128 = unsigned __int128;

// Key word: the upper 58 bits of the hash, then 6 bits of code: how long a full refill of the
// policy that last charged takes, as a power of two in ns (1 to 54); it ranks entries for eviction.
constexpr std::uint64_t kCodeMask = 63;
constexpr std::uint64_t kEmpty = 0;
constexpr std::uint64_t kClosed = 63;  // an empty slot that may no longer be claimed

// TAT word: (TAT + 1) * 4, then the denied and the frozen bit. So 0 means claimed, never charged.
constexpr std::uint64_t kFrozen = 1;  // being moved: read it, do not change it
constexpr std::uint64_t kDenied = 2;
constexpr std::uint64_t kUncharged = 0;
constexpr std::uint64_t kMoved = ~std::uint64_t{0};  // look in the next generation
constexpr std::uint64_t kDead = kMoved - 3;  // evicted or erased; only its own key revives it

constexpr std::size_t kSmallest = 256;      // slots of the first generation: 4 KiB
constexpr std::size_t kMovesPerWrite = 32;  // enough to finish long before the next one fills up
constexpr std::size_t kFreeStep = 256 * 1024;
constexpr std::size_t kEvictAmong = 16;
constexpr std::size_t kEvictReach = 256;

std::uint64_t WordOf(Nanos tat) { return (static_cast<std::uint64_t>(tat.count()) + 1) << 2; }
Nanos TatOf(std::uint64_t word) { return Nanos{static_cast<std::int64_t>(word >> 2) - 1}; }

bool IsLive(std::uint64_t word) { return word != kUncharged && word != kDead && word != kMoved; }

bool SameKey(std::uint64_t key_word, std::uint64_t hash) {
  return (key_word & ~kCodeMask) == (hash & ~kCodeMask) && key_word != kEmpty &&
         key_word != kClosed;
}

std::uint64_t CodeOf(const TatRule& rule) {
  return static_cast<std::uint64_t>(
      std::bit_width(static_cast<std::uint64_t>(rule.Span().count())));
}

}  // namespace

struct TatTable::Slot {
  std::atomic<std::uint64_t> key;
  std::atomic<std::uint64_t> tat;
};

// One contiguous array of slots. Fresh pages are zero: every slot empty.
struct TatTable::Generation {
  Generation(std::size_t n, Nanos counted) : slots(n), counted_at(counted) {
    static_assert(sizeof(Slot) == 16);
    void* memory = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data = static_cast<Slot*>(memory);
  }
  ~Generation() {
    if (freed < bytes()) munmap(reinterpret_cast<char*>(data) + freed, bytes() - freed);
  }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  std::size_t bytes() const { return slots * sizeof(Slot); }
  /// The order of homes is that of hashes, so that a move reads and writes from front to back.
  std::size_t Home(std::uint64_t hash) const {
    const auto wide = static_cast<UInt128>(hash & ~kCodeMask) * slots;
    return static_cast<std::size_t>(wide >> 64);
  }
  std::size_t After(std::size_t index) const { return index + 1 == slots ? 0 : index + 1; }
  bool Crowded() const { return claimed.load(std::memory_order_relaxed) > slots / 4 * 3; }

  const std::size_t slots;
  /// What had expired by then was not counted when this one was sized, so it is not moved here,
  /// even if the clock has stepped back since.
  const Nanos counted_at;
  Slot* data;
  std::size_t freed = 0;  // bytes given back to the system so far; only once retired
  alignas(64) std::atomic<std::size_t> claimed{0};
  std::atomic<Generation*> next{nullptr};
  alignas(64) std::atomic<std::size_t> cursor{0};  // where the next helper starts moving; wraps
  std::atomic<std::size_t> moved{0};
};

struct TatTable::Retired {
  Generation* generation;
  Quiescence::Grace grace;
  Retired* next;
};

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

std::size_t TatTable::capacity() const {
  const Quiescence::Guard guard;
  return current_.load(std::memory_order_seq_cst)->slots;
}

Nanos TatTable::Cell::tat() const {
  return tat_word != nullptr && IsLive(seen) ? TatOf(seen & ~(kDenied | kFrozen)) : Nanos{0};
}

// The one way to look: through the generations, in each from the key's home to the first empty
// slot. `on_frozen(generation, index)` returns whether the slot it is given is moved by now.
template <typename OnFrozen>
TatTable::Cell TatTable::Look(std::uint64_t hash, OnFrozen on_frozen) const {
  Cell cell{};
  Generation* in = current_.load(std::memory_order_seq_cst);
  while (in != nullptr) {
    std::size_t i = in->Home(hash);
    std::size_t probes = 0;
    for (; probes < in->slots; ++probes, i = in->After(i)) {
      Slot& slot = in->data[i];
      const std::uint64_t key = slot.key.load(std::memory_order_acquire);
      if (key == kEmpty) return cell;  // (4): not here, and not in the next either
      if (key == kClosed) break;
      if (!SameKey(key, hash)) continue;
      const std::uint64_t word = slot.tat.load(std::memory_order_acquire);
      if (word == kMoved) break;
      if ((word & kFrozen) != 0 && on_frozen(*in, i)) break;
      cell.key = &slot.key;
      cell.tat_word = &slot.tat;
      cell.seen = word;
      return cell;
    }
    in = in->next.load(std::memory_order_acquire);
  }
  return cell;
}

TatTable::Cell TatTable::Find(std::uint64_t hash, Nanos now) {
  return Look(hash, [this, now](Generation& in, std::size_t index) {
    MoveSlot(in, index, now);
    return true;
  });
}

TatTable::Cell TatTable::Peek(std::uint64_t hash) const {
  // A frozen word is still the truth: until it is moved, nobody charges its copy (4).
  return Look(hash, [](Generation&, std::size_t) { return false; });
}

bool TatTable::Set(const Cell& cell, std::uint64_t hash, Nanos tat, const TatRule& rule,
                   Nanos now) {
  if (to_free_.load(std::memory_order_relaxed)) FreeSome();
  Generation* current = current_.load(std::memory_order_seq_cst);
  if (current->next.load(std::memory_order_acquire) != nullptr) {
    HelpMove(*current, kMovesPerWrite, now);
  }
  const std::uint64_t code = CodeOf(rule);
  std::atomic<std::uint64_t>* key = cell.key;
  std::atomic<std::uint64_t>* word = cell.tat_word;
  std::uint64_t seen = cell.seen;
  if (word == nullptr) {
    Slot& slot = Claim(hash, code, now);
    key = &slot.key;
    word = &slot.tat;
    seen = word->load(std::memory_order_acquire);
    if (seen != kUncharged && seen != kDead) return false;  // someone else was first
  }
  const bool enters = seen == kUncharged || seen == kDead;
  if (enters && live_.load(std::memory_order_relaxed) >= max_entries_) Evict(hash, now);
  if (enters) live_.fetch_add(1, std::memory_order_relaxed);  // before it can be removed again
  if (!word->compare_exchange_strong(seen, WordOf(tat), std::memory_order_acq_rel)) {
    if (enters) live_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  std::uint64_t key_word = key->load(std::memory_order_relaxed);
  if ((key_word & kCodeMask) != code) {  // only a hint for eviction: a lost race does not matter
    key->compare_exchange_strong(key_word, (key_word & ~kCodeMask) | code,
                                 std::memory_order_relaxed);
  }
  return true;
}

void TatTable::MarkDenied(const Cell& cell) {
  std::uint64_t seen = cell.seen;
  if (cell.tat_word == nullptr || !IsLive(seen) || (seen & (kDenied | kFrozen)) != 0) return;
  cell.tat_word->compare_exchange_strong(seen, seen | kDenied, std::memory_order_acq_rel);
}

bool TatTable::Erase(const Cell& cell) {
  std::uint64_t seen = cell.seen;
  if (cell.tat_word == nullptr || !IsLive(seen)) return true;
  removals_.fetch_add(1, std::memory_order_relaxed);  // seen by whoever sees what comes after
  if (!cell.tat_word->compare_exchange_strong(seen, kDead, std::memory_order_acq_rel)) return false;
  live_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

// Finds the key's slot, or claims one for it, in the generation where it belongs now.
TatTable::Slot& TatTable::Claim(std::uint64_t hash, std::uint64_t code, Nanos now) {
  const std::uint64_t key_word = (hash & ~kCodeMask) | code;
  Generation* in = current_.load(std::memory_order_seq_cst);
  std::size_t probes = 0;
  for (std::size_t i = in->Home(hash);;) {
    if (probes++ == in->slots) {  // full: only more threads than it has spare slots can do that
      FinishMove(*in, now);
      StartGrowth(*in, now);
      in = in->next.load(std::memory_order_acquire);
      i = in->Home(hash);
      probes = 0;
      continue;
    }
    Slot& slot = in->data[i];
    std::uint64_t key = slot.key.load(std::memory_order_acquire);
    Generation* next = in->next.load(std::memory_order_acquire);
    if (key == kEmpty && next == nullptr) {
      // The next generation can fill up before the last has been emptied into it: a small one does
      // so within the time slice for which a helper may be descheduled.
      if (in->Crowded()) FinishMove(*in, now);
      if (!slot.key.compare_exchange_strong(key, key_word, std::memory_order_acq_rel)) continue;
      in->claimed.fetch_add(1, std::memory_order_relaxed);
      if (in->Crowded()) StartGrowth(*in, now);
      return slot;
    }
    if (key == kEmpty) {  // (4): close the way before looking further
      if (!slot.key.compare_exchange_strong(key, kClosed, std::memory_order_acq_rel)) continue;
      CountMoved(*in);
      key = kClosed;
    }
    bool elsewhere = key == kClosed;
    if (SameKey(key, hash)) {
      const std::uint64_t word = slot.tat.load(std::memory_order_acquire);
      if ((word & kFrozen) == 0) return slot;
      MoveSlot(*in, i, now);
      elsewhere = true;
    }
    if (elsewhere) {
      in = in->next.load(std::memory_order_acquire);
      i = in->Home(hash);
      probes = 0;
    } else {
      i = in->After(i);
    }
  }
}

// The slot of a key that is being moved here, or null if there is no room. Several helpers may ask;
// all get the same answer (2): what one of them found taken stays taken.
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

// Makes room for one entry: takes one that has expired, or of those near `hash` the one that has
// used the smallest share of its limit, denied ones last.
void TatTable::Evict(std::uint64_t hash, Nanos now) {
  for (int tries = 0; tries < 4; ++tries) {
    std::atomic<std::uint64_t>* victim = nullptr;
    std::uint64_t victim_word = 0;
    double victim_rank = 0;
    std::size_t looked_at = 0;
    for (Generation* in = current_.load(std::memory_order_seq_cst);
         in != nullptr && looked_at < kEvictAmong; in = in->next.load(std::memory_order_acquire)) {
      std::size_t i = in->Home(hash);
      const std::size_t reach = std::min(kEvictReach, in->slots);
      for (std::size_t n = 0; n < reach && looked_at < kEvictAmong; ++n, i = in->After(i)) {
        std::uint64_t word = in->data[i].tat.load(std::memory_order_acquire);
        if (!IsLive(word) || (word & kFrozen) != 0) continue;
        ++looked_at;
        const Nanos backlog = TatOf(word) - now;
        if (backlog <= Nanos{0}) {
          removals_.fetch_add(1, std::memory_order_relaxed);
          if (!in->data[i].tat.compare_exchange_strong(word, kDead, std::memory_order_acq_rel)) {
            continue;
          }
          live_.fetch_sub(1, std::memory_order_relaxed);
          return;
        }
        const auto code = in->data[i].key.load(std::memory_order_relaxed) & kCodeMask;
        const double share =
            std::ldexp(static_cast<double>(backlog.count()), -static_cast<int>(code));
        const double rank = share + ((word & kDenied) != 0 ? 1e6 : 0);
        if (victim == nullptr || rank < victim_rank) {
          victim = &in->data[i].tat;
          victim_word = word;
          victim_rank = rank;
        }
      }
    }
    if (victim == nullptr) return;  // only entries on the move: one too many for a moment
    removals_.fetch_add(1, std::memory_order_relaxed);
    if (victim->compare_exchange_strong(victim_word, kDead, std::memory_order_acq_rel)) {
      live_.fetch_sub(1, std::memory_order_relaxed);
      evicted_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
}

// Sizes the next generation for what is worth carrying there at a load of 45 %, of the most that
// may be held at 60 %: it starts moving at 75 %, after so many inserts that their helping is
// enough.
void TatTable::StartGrowth(Generation& from, Nanos now) {
  if (current_.load(std::memory_order_seq_cst) != &from) return;  // (5)
  if (from.next.load(std::memory_order_acquire) != nullptr) return;
  // Of all that is held, much may have expired: a sample tells. It errs upwards, and a generation
  // is never less than an eighth of the last, so that what is moved finds room (see MoveSlot).
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
  // Close to the most, the last step is taken at once: a small one would be a move for nothing.
  const std::size_t size = wanted < most / 3 * 2 ? wanted : most;
  auto* next = new Generation(std::max({kSmallest, from.slots / 8, size}), now);
  Generation* none = nullptr;
  if (!from.next.compare_exchange_strong(none, next, std::memory_order_acq_rel)) delete next;
}

// Goes over and over the slots until all are moved, so that no descheduled helper holds it up.
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
    if (!IsLive(word) || TatOf(word) <= expired) {  // nothing worth carrying
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
    // Whoever copies first wins; a late helper finds the copy charged, dead or moved on (3).
    std::uint64_t uncharged = kUncharged;
    copy->tat.compare_exchange_strong(uncharged, word & ~kFrozen, std::memory_order_acq_rel);
  } else {
    // More is held than was counted: while whoever counted was descheduled, others charged entries
    // that had expired. What finds no room is given up.
    removals_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!slot.tat.compare_exchange_strong(word, kMoved, std::memory_order_acq_rel)) return;
  if (copy == nullptr) {
    live_.fetch_sub(1, std::memory_order_relaxed);
    evicted_.fetch_add(1, std::memory_order_relaxed);
  }
  CountMoved(from);
}

// Sees to it that everything has been moved to `into`, so that it may grow in its turn. Does not
// rely on the count of moved slots: a helper may be descheduled between moving and counting.
void TatTable::FinishMove(Generation& into, Nanos now) {
  Generation* from = current_.load(std::memory_order_seq_cst);
  if (from == &into || from->next.load(std::memory_order_acquire) != &into) return;
  HelpMove(*from, from->slots, now);
  Retire(*from);
}

// Each slot is counted once, by whoever closed or moved it.
void TatTable::CountMoved(Generation& from) {
  if (from.moved.fetch_add(1, std::memory_order_acq_rel) + 1 == from.slots) Retire(from);
}

// REQUIRES: every slot of `from` is moved or closed. Of several who know that, one retires it.
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

// Gives a little of what is retired back to the system: freeing a large table takes milliseconds.
void TatTable::FreeSome() {
  if (busy_freeing_.test_and_set(std::memory_order_acquire)) return;
  // Sequentially consistent with Retire: what comes too late for the loop sets the flag again.
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
