// State in this process: bounded tables that any number of threads may use at once.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/policy.h"
#include "core/time.h"

namespace sluice {

class Clock;
class IdTable;
class StoreTables;
class WallSteps;

/// A keyed 64-bit hash of a key. Whoever does not know the store's seed cannot make two keys meet.
struct KeyHash {
  std::uint64_t bits = 0;
};

/// Names one state: a key under one policy.
struct EntryHash {
  std::uint64_t bits = 0;
};

/// The state that a key has under a policy. `scope` says whose policy it is: a hash of prefix,
/// policy name and state tag, so that limiters which agree on these share the state; but not the
/// Hash of any text that may also be a key.
constexpr EntryHash EntryOf(KeyHash key, KeyHash scope) { return {key.bits ^ scope.bits}; }

/// Thread safe throughout.
///
/// States of one TAT are changed by compare-and-swap: no call waits for another thread. Larger ones
/// have short locks, of which a call takes all that it needs, in one order, before it looks.
///
/// Several policies in one check: all are evaluated, then charged one by one; if another thread got
/// in between so that a TAT policy no longer admits, the earlier charges are given back. A third
/// thread may meanwhile be denied what it would have got; none is wrongly admitted.
class MemoryStore {
 public:
  using Seed = std::array<std::uint8_t, 16>;

  struct Options {
    /// The most keys (times policies) remembered, 1 to 2^32; a log or a list of slots of k entries
    /// counts as k / 2. When full, a new key takes the place of one that has expired, or of the
    /// least used of those near it, denied ones last. The entries of one call are not given up for
    /// each other if something else can be, so that a log which outweighs all may pass the bound.
    std::size_t max_keys = 1'000'000;
    /// Secret and random, except where a run has to be repeatable.
    Seed seed{};
    /// The time since 1970 less the clock's, in whole microseconds; may be negative.
    Nanos wall_offset{0};
    /// The clock that callers read, if it moves by itself: a charge that has to be undone is undone
    /// by what is left of it by then. Null: the moments that calls are given are all there is. Not
    /// owned; outlives the store.
    const Clock* clock = nullptr;
    /// The wall clock, whose steps windows aligned to it follow; all others go by `clock` alone.
    /// Null: there are none. Needs `clock`. Not owned; outlives the store.
    const Clock* wall = nullptr;
  };

  /// Options of a store on the machine's own clocks.
  static Options OnMachineClocks(std::size_t max_keys, const Seed& seed);

  /// One call's policies and their states. Spans equally long, 1 to kMaxPolicies; entries distinct.
  struct Subject {
    std::span<const Policy> policies;
    std::span<const EntryHash> entries;
  };

  struct Question {
    std::span<const Ask> asks;  ///< one per policy
    /// See Judge.
    Nanos max_wait = kNoWait;
    /// Who holds the slots of concurrency policies, if the call is admitted.
    HolderId holder{};
  };

  struct Stats {
    std::size_t keys = 0;       ///< held, as max_keys counts; expired ones not yet reused included
    std::size_t capacity = 0;   ///< slots of the tables now
    std::uint64_t evicted = 0;  ///< entries that had not expired, given up for a new key
  };

  explicit MemoryStore(const Options& options);
  ~MemoryStore();
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  /// Hashes any bytes under the store's seed (SipHash-2-4).
  KeyHash Hash(std::string_view bytes) const;

  /// Decides and charges at `now` (>= 0): Judge and Describe over these states.
  bool Check(const Subject& subject, const Question& question, Nanos now,
             std::span<Decision> decisions);
  /// Whether Check would admit it, described as by DescribePeek. Changes nothing.
  bool Peek(const Subject& subject, const Question& question, Nanos now,
            std::span<Decision> decisions) const;

  /// Charges units[i] >= 0 whatever there is room for, into debt (Debited of each algorithm; a log
  /// keeps its newest entries; concurrency policies: nothing).
  void Debit(const Subject& subject, std::span<const std::int64_t> units, Nanos now);
  /// Gives back up to units[i], of the charges that `marks` names (Decision::mark, of which the
  /// lower 53 bits are enough) or, where it is empty, of whatever there is. Slots are given back by
  /// Release.
  void Credit(const Subject& subject, std::span<const std::int64_t> units,
              std::span<const std::int64_t> marks, Nanos now);
  /// The same for a call that gave up waiting (TatAlgorithm::Aborted). Precondition: marks. False
  /// if some policy kept its charge because others wait behind it (TatAlgorithm::HasFollowers).
  bool Abort(const Subject& subject, std::span<const std::int64_t> units,
             std::span<const std::int64_t> marks, Nanos now);
  /// Gives a holder's slots back, or holds them for another ttl. Whether all of the subject's
  /// concurrency policies still had them.
  bool Release(const Subject& subject, HolderId holder, Nanos now);
  bool Renew(const Subject& subject, HolderId holder, Nanos now);
  /// Whether all of the subject's concurrency policies have the holder's slot.
  bool Holds(const Subject& subject, HolderId holder, Nanos now) const;
  /// Denies what costs anything for `span` (1 ns to kLongestSpan) from now on, instead of any block
  /// that there is.
  void Block(const Subject& subject, Nanos span, Nanos now);
  void Unblock(const Subject& subject);
  /// Forgets the states, blocks included.
  void Reset(const Subject& subject);

  /// The same for the one key and the policies of nearly all checks: the states
  /// EntryOf(key, scopes[i]). Preconditions: IsPlainTat of all policies; spans equally long, 1 to
  /// kMaxPolicies; scopes distinct.
  bool Check(KeyHash key, std::span<const Policy> policies, std::span<const KeyHash> scopes,
             std::span<const std::int64_t> costs, Nanos now, std::span<Decision> decisions);

  /// What was charged under ids.
  IdTable& ids() { return *ids_; }

  Stats stats() const;
  const Options& options() const { return options_; }

 private:
  Moment At(Nanos now) const;
  bool IsBlocked(EntryHash entry, Nanos now) const;
  /// The quick Check for a key that is blocked.
  bool CheckBlocked(KeyHash key, std::span<const Policy> policies, std::span<const KeyHash> scopes,
                    std::span<const std::int64_t> costs, Nanos now, std::span<Decision> decisions);

  Options options_;
  std::unique_ptr<StoreTables> tables_;
  std::unique_ptr<IdTable> ids_;
  std::unique_ptr<WallSteps> wall_steps_;
};

}  // namespace sluice
