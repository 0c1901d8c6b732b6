// What a memory store charged under ids in the last minute, so that a check that comes again is
// charged once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/concurrency.h"
#include "core/repeat.h"

namespace sluice {

/// Thread safe. Allocates nothing until an id is used.
///
/// Holds at most kCapacity ids, each for kIdLife. One more has the oldest of its part of the table
/// forgotten; if that comes again, it is charged again. So a store that charges under more than
/// 1,600 ids a second knows each for less than kIdLife.
class IdTable {
 public:
  static constexpr std::size_t kCapacity = 100'000;

  /// A keyed hash of all that makes ids distinct: the limiter, the keys, the id itself.
  using Name = std::uint64_t;

  /// What was charged.
  struct Entry {
    std::uint64_t print = 0;  ///< a hash of what was asked
    Nanos at{0};
    HolderId holder;
    PolicyBits charged = 0;
    std::vector<Given> given;  ///< one per policy
  };

 private:
  struct Charge {
    Name name;
    Nanos at;
  };
  struct Part {
    std::mutex mutex;
    std::unordered_map<Name, Entry> entries;
    /// The oldest first. One whose name was charged since, or forgotten, stands for nothing.
    std::deque<Charge> order;
  };

 public:
  /// One id, kept from all others while this lives: of two checks that bring it at once, the second
  /// sees what the first was given. For as long as it takes to decide a check, which waits for
  /// nothing.
  class Access {
   public:
    Access(IdTable& table, Name name, Nanos now);

    /// What was charged under the id; null if nothing is known, or no longer. Valid until Keep.
    const Entry* known() const { return known_; }
    /// Precondition: entry.at is the access's `now`.
    void Keep(Entry entry);
    void Forget() { part_.entries.erase(name_); }

   private:
    Part& part_;
    const Name name_;
    const Nanos now_;
    const std::scoped_lock<std::mutex> lock_;
    const Entry* known_ = nullptr;
  };

  /// How many ids are held, expired ones not yet forgotten included.
  std::size_t size();

 private:
  static constexpr std::size_t kParts = 16;

  std::array<Part, kParts> parts_;
};

}  // namespace sluice
