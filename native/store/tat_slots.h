// The parts of the TAT table: the two words of a slot, and a generation of slots. Private to the
// table's own sources.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "tat_table.h"

namespace sluice {

__extension__ using UInt128 = unsigned __int128;

// Key word: the upper 57 bits of the hash; whether the key's last call was denied; and 6 bits that
// encode the refill time of the policy of the last charge, as a power of two in ns (1 to 54). The
// last two rank entries for eviction, and are hints only.
inline constexpr std::uint64_t kDenied = 64;
inline constexpr std::uint64_t kCodeMask = 63;
inline constexpr std::uint64_t kHintMask = kDenied | kCodeMask;
inline constexpr std::uint64_t kEmpty = 0;
inline constexpr std::uint64_t kClosed = 63;  // an empty slot that may no longer be claimed

// TAT word: (TAT + 1) * 2, then the frozen bit. So 0 means claimed, never charged.
inline constexpr std::uint64_t kFrozen = 1;  // in a move: read it, do not change it
inline constexpr std::uint64_t kUncharged = 0;
inline constexpr std::uint64_t kMoved = ~std::uint64_t{0};  // look in the next generation
// Evicted or erased; only its own key revives it.
inline constexpr std::uint64_t kDead = kMoved - 1;

inline std::uint64_t WordOf(Nanos tat) {
  return (static_cast<std::uint64_t>(tat.count()) + 1) << 1;
}
inline Nanos TatOf(std::uint64_t word) { return Nanos{static_cast<std::int64_t>(word >> 1) - 1}; }

inline bool IsLive(std::uint64_t word) {
  return word != kUncharged && word != kDead && word != kMoved;
}

inline bool SameKey(std::uint64_t key_word, std::uint64_t hash) {
  return (key_word & ~kHintMask) == (hash & ~kHintMask) && key_word != kEmpty &&
         key_word != kClosed;
}

inline std::uint64_t CodeOf(const TatRule& rule) {
  // At least 1, also for a capacity of 0: a key word is never kEmpty.
  const auto span = static_cast<std::uint64_t>(std::max(Nanos{1}, rule.Span()).count());
  return static_cast<std::uint64_t>(std::bit_width(span));
}

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
  /// Homes are in the order of hashes, so that a move reads and writes from front to back.
  std::size_t Home(std::uint64_t hash) const {
    const auto wide = static_cast<UInt128>(hash & ~kHintMask) * slots;
    return static_cast<std::size_t>(wide >> 64);
  }
  std::size_t After(std::size_t index) const { return index + 1 == slots ? 0 : index + 1; }
  bool Crowded() const { return claimed.load(std::memory_order_relaxed) > slots / 4 * 3; }

  const std::size_t slots;
  /// Entries that had expired by then were not counted for the size of this generation. So they are
  /// not moved here, even if the clock has stepped back since.
  const Nanos counted_at;
  Slot* data;
  std::size_t freed = 0;  // bytes freed so far; only once retired
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

}  // namespace sluice
