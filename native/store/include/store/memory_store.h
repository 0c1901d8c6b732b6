// State in this process: bounded tables that any number of threads may use at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/operation.h"
#include "core/result.h"
#include "core/time.h"
#include "store/bound_policies.h"
#include "store/hashes.h"

namespace sluice {

class Clock;
class IdempotencyTable;
class StoreTables;
class Target;
class WallSteps;

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
    /// The wall clock, whose steps windows aligned to it follow; all others use `clock` alone.
    /// Null: there are none. Needs `clock`. Not owned; outlives the store.
    const Clock* wall = nullptr;
  };

  /// Options of a store on the machine's own clocks.
  static Options OnMachineClocks(std::size_t max_keys, const Seed& seed);

  /// One key for all policies, or one for each.
  using Keys = std::span<const KeyHash>;

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
  /// Hashes a name of our own, so that no key has the same hash: not even one that equals the name.
  KeyHash HashName(std::string_view name) const;

  /// Runs `operation` at `now` (>= 0) on the states that `keys` have under `policies`, and fills
  /// `result`. Checks and peeks: Evaluate and WriteDecisions (core/policy.h) over these states.
  /// Preconditions: `policies` is bound to this store; the operation has all that its kind needs.
  void Execute(const BoundPolicies& policies, Keys keys, const Operation& operation, Nanos now,
               Result& result);

  /// The charges made under ids.
  IdempotencyTable& ids() { return *ids_; }

  Stats stats() const;
  const Options& options() const { return options_; }

 private:
  Moment At(Nanos now) const;
  /// Execute, for all that CheckPlain does not take.
  void ExecuteAny(const BoundPolicies& policies, Keys keys, const Operation& operation, Nanos now,
                  Result& result);
  /// Whether the key is blocked, or a reservation of it may have expired.
  bool IsUnusual(const BoundPolicies& policies, KeyHash key, Nanos now) const;
  /// Evicts an entry near `entry` if the store is full.
  void MakeRoom(EntryHash entry, Nanos now);
  // Checks by DecideTat or DecideTats: of one policy, and of several.
  // Preconditions: policies.plain(); nothing is blocked; no options.
  void CheckOne(const BoundPolicies& policies, KeyHash key, std::int64_t cost, Nanos now,
                Result& result);
  void CheckPlain(const BoundPolicies& policies, KeyHash key, const Costs& costs, Nanos now,
                  Result& result);
  /// A check that is charged once under its id within kIdLife.
  void CheckOnce(const Target& target, const Operation& operation, const Moment& now,
                 Result& result);
  void ForgetId(const Target& target, std::string_view id, Nanos now);

  Options options_;
  std::unique_ptr<StoreTables> tables_;
  std::unique_ptr<IdempotencyTable> ids_;
  std::unique_ptr<WallSteps> wall_steps_;
};

}  // namespace sluice
