// State in this process: a bounded table of TATs that any number of threads may use at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/policy.h"
#include "core/time.h"

namespace sluice {

class TatTable;

/// A keyed 64-bit hash of a key. Whoever does not know the store's seed cannot make two keys meet.
struct KeyHash {
  std::uint64_t bits = 0;
};

/// Thread safe throughout; no call waits for another thread.
///
/// Several policies in one check: all are evaluated, then charged one by one; if another thread got
/// in between so that a later one no longer admits, the earlier charges are given back. A third
/// thread may meanwhile be denied what it would have got; none is wrongly admitted.
class MemoryStore {
 public:
  using Seed = std::array<std::uint8_t, 16>;

  struct Options {
    /// The most keys (times policies) remembered, 1 to 2^32. When full, a new key takes the place
    /// of one that has expired, or of the least used of those near it, denied ones last.
    std::size_t max_keys = 1'000'000;
    /// Secret and random, except where a run has to be repeatable.
    Seed seed{};
  };

  struct Stats {
    std::size_t keys = 0;       ///< entries held, those expired but not yet reused included
    std::size_t capacity = 0;   ///< slots of the table now
    std::uint64_t evicted = 0;  ///< entries that had not expired, given up for a new key
  };

  explicit MemoryStore(const Options& options);
  ~MemoryStore();
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  /// Hashes any bytes under the store's seed (SipHash-2-4).
  KeyHash Hash(std::string_view bytes) const;

  /// Decides and charges at `now` (>= 0). `scopes[i]` says whose state policies[i] has: a hash of
  /// prefix, policy name and state tag, so that limiters which agree on these share it; but not the
  /// Hash of any text that may also be a key.
  /// The rest as DecideTats. Preconditions: spans equally long, 1 to kMaxPolicies, scopes distinct.
  bool Check(KeyHash key, std::span<const Policy> policies, std::span<const KeyHash> scopes,
             std::span<const std::int64_t> costs, Nanos now, std::span<Decision> decisions);

  /// What Check would answer; changes nothing.
  bool Peek(KeyHash key, std::span<const Policy> policies, std::span<const KeyHash> scopes,
            std::span<const std::int64_t> costs, Nanos now, std::span<Decision> decisions) const;

  /// Forgets the key under these scopes.
  void Reset(KeyHash key, std::span<const KeyHash> scopes);

  Stats stats() const;
  const Options& options() const { return options_; }

 private:
  Options options_;
  std::unique_ptr<TatTable> table_;
};

}  // namespace sluice
