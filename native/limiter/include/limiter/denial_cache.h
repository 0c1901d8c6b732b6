// Recent denials, which answer repeat calls without asking Redis.
//
// A denied key stays denied for the time in the denial, whatever else is charged; only giving back
// admits it earlier. So for a short time the process can answer by itself. The cache keeps the
// states that Redis denied by, and evaluates each call from them. The answer equals that of Redis
// at the moment of the denial, for this cost, with the times counted down.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "core/result.h"
#include "limiter/key_changes.h"

namespace sluice {

/// Serves one set of policies, at their own limits. Thread safe. Holds at most kCapacity callers;
/// one more evicts the nearby caller whose entry ends first.
///
/// Keeps no denials by slots (`concurrency`), which any process may release at any moment.
/// Gives no answer
///   - later than kLongestLife after the check was sent, or after the wait of any policy that
///   denied
///     (shadows included), so no answer reports a denial that has run out;
///   - if the cost is below the denied one for a policy that denied;
///   - if a log denied another cost, because a log's reading is for one cost;
///   - that would change a state: start a block.
/// It does not see what other processes give back within kLongestLife.
class DenialCache {
 public:
  static constexpr Nanos kLongestLife = std::chrono::seconds(1);
  static constexpr std::size_t kCapacity = 8192;

  /// Whether denials by these policies can be cached at all. Not if one of them charges denied
  /// calls, because Redis must then count each; nor if all give slots.
  static bool Suits(std::span<const Policy> policies);

  /// Precondition: Suits(policies).
  explicit DenialCache(std::vector<Policy> policies);

  /// A check that Redis denied. Times are of one monotonic clock.
  struct Denial {
    std::span<const Ask> asks;          ///< one per policy, at its own limit
    std::span<const Reading> readings;  ///< the states before the call
    std::span<const Decision> decisions;
    KeyChanges::Tick tick = 0;  ///< KeyChanges::now before it was sent
    Nanos asked{0};             ///< before it was sent
    Nanos told{0};              ///< when the answer came
  };

  /// Stores a denial. `who` identifies the caller in a few bytes.
  void Keep(std::string_view who, const Denial& denial);

  /// Whether there may be an answer for this caller. Takes no lock: this is the whole cost of the
  /// cache for nearly all calls that are not denied.
  bool MayHold(std::string_view who, Nanos now) const;

  /// Answers a check from the cache: sets `result` and returns true. Otherwise drops the caller's
  /// entry, because Redis will answer. `changed`: KeyChanges::Latest of the caller's keys.
  bool Answer(std::string_view who, std::span<const Ask> asks, KeyChanges::Tick changed, Nanos now,
              Result& result);

  void Forget(std::string_view who);

 private:
  struct Entry {
    std::string who;
    std::vector<Reading> readings;  // after the denial
    std::vector<std::int64_t> costs;
    std::uint32_t deniers = 0;  // the policies that denied, one bit each; no shadows
    KeyChanges::Tick tick = 0;
    Nanos asked{0};
    Nanos told{0};
    Nanos end{0};
  };

  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kSets = kCapacity / kWays;
  using Set = std::array<Entry, kWays>;
  using Tag = std::uint32_t;  // 0: a free entry

  /// The possible positions of a caller's entry.
  struct Place {
    explicit Place(std::string_view who);
    std::size_t set;
    Tag tag;
  };

  std::atomic<Tag>& TagAt(std::size_t set, std::size_t way) { return tags_[set * kWays + way]; }
  /// The caller's way in its set; kWays if it has no entry.
  std::size_t Find(const Place& place, std::string_view who);
  std::size_t PlaceFor(const Place& place, std::string_view who);
  bool Decide(const Entry& entry, std::span<const Ask> asks, Nanos now, Result& result) const;

  const std::vector<Policy> policies_;
  /// Read without the lock and written with it; the entries behind the tags need the lock.
  std::vector<std::atomic<Tag>> tags_;
  std::atomic<Nanos::rep> last_end_{std::numeric_limits<Nanos::rep>::min()};

  std::mutex mutex_;
  std::vector<std::unique_ptr<Set>> sets_;  // made on first use
};

}  // namespace sluice
