// The charges of a memory store under ids in the last minute, so that a repeated check is charged
// once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/concurrency.h"
#include "core/replay.h"

namespace sluice {

/// Thread safe. Allocates nothing until an id is used.
///
/// Holds at most kCapacity ids, each for kIdLife. One more evicts the oldest of its part of the
/// table, whose repeat would then be charged again. So a store that charges more than 1,600 ids a
/// second remembers each for less than kIdLife.
class IdempotencyTable {
 public:
  static constexpr std::size_t kCapacity = 100'000;

  /// A keyed hash of all that makes ids distinct: the limiter, the keys, the id itself.
  using IdHash = std::uint64_t;

  /// The charge under an id.
  struct Entry {
    std::uint64_t fingerprint = 0;  ///< a hash of the arguments
    Nanos at{0};
    HolderId holder;
    PolicyBits charged = 0;
    std::vector<OriginalDecision> original;  ///< one per policy
  };

 private:
  struct Charge {
    IdHash id;
    Nanos at;
  };
  struct Part {
    std::mutex mutex;
    std::unordered_map<IdHash, Entry> entries;
    /// Insertion order. May hold stale records (id charged again or forgotten), which are skipped.
    std::deque<Charge> order;
  };

 public:
  /// Exclusive access to one id: of two checks with it at once, the second sees the charge of the
  /// first. Hold it only while a check is decided, which waits for nothing.
  class Access {
   public:
    Access(IdempotencyTable& table, IdHash id, Nanos now);

    /// The charge under the id; null if it is unknown or has expired. Valid until Keep.
    const Entry* known() const { return known_; }
    /// Precondition: entry.at is the access's `now`.
    void Keep(Entry entry);
    void Forget() { part_.entries.erase(id_); }

   private:
    Part& part_;
    const IdHash id_;
    const Nanos now_;
    const std::scoped_lock<std::mutex> lock_;
    const Entry* known_ = nullptr;
  };

  /// The number of ids, with expired ones that are still stored.
  std::size_t size();

 private:
  static constexpr std::size_t kParts = 16;

  std::array<Part, kParts> parts_;
};

}  // namespace sluice
