// Denials of a moment ago, which answer who asks again before Redis is asked.
//
// A key that its policies have denied stays denied for what the denial said, whatever else is
// charged meanwhile: only giving back admits it earlier. So for a moment the process can answer by
// itself. It keeps the states that Redis denied by, and judges each call anew by them: the answer
// is that of Redis at the moment of the denial, to this cost, counted down by the time since.
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
#include "limiter/key_changes.h"
#include "limiter/verdict.h"

namespace sluice {

/// Of one set of policies, at their own limits. Thread safe. Holds at most kCapacity callers; one
/// more takes the place of the one near it that ends first.
///
/// Kept is no denial by slots (`concurrency`), which any process may give back at any moment.
/// Nothing is answered
///   - longer than kLongestLife after the check was sent, nor past what any policy that denied said
///     to wait, shadows included: so no answer tells of a denial that has run out;
///   - where a policy that denied is asked for less than it was;
///   - where a log denies another cost than it was asked, as a log's reading speaks of one;
///   - that would change a state: start a block.
/// What other processes give back within kLongestLife it does not see.
class DenialCache {
 public:
  static constexpr Nanos kLongestLife = std::chrono::seconds(1);
  static constexpr std::size_t kCapacity = 8192;

  /// Whether denials by these policies may be answered from a cache at all: not where one charges
  /// denied calls, which must be told of each; nor where all give slots.
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

  /// `who` names the caller, in few bytes: distinct callers distinctly.
  void Keep(std::string_view who, const Denial& denial);

  /// Whether there may be an answer for this caller. Takes no lock: what nearly all calls of
  /// callers who are not denied pay for the cache.
  bool MayHold(std::string_view who, Nanos now) const;

  /// Answers a check from what is kept: sets `verdict` and returns true; else forgets the caller,
  /// whose next answer is to come from Redis. `changed`: KeyChanges::Latest of the caller's keys.
  bool Answer(std::string_view who, std::span<const Ask> asks, KeyChanges::Tick changed, Nanos now,
              Verdict& verdict);

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
  using Tag = std::uint32_t;  // 0: the place is free

  /// Where a caller's entry may stand.
  struct Place {
    explicit Place(std::string_view who);
    std::size_t set;
    Tag tag;
  };

  std::atomic<Tag>& TagAt(std::size_t set, std::size_t way) { return tags_[set * kWays + way]; }
  /// The caller's way in its set; kWays if it has none.
  std::size_t Find(const Place& place, std::string_view who);
  std::size_t PlaceFor(const Place& place, std::string_view who);
  bool Decide(const Entry& entry, std::span<const Ask> asks, Nanos now, Verdict& verdict) const;

  const std::vector<Policy> policies_;
  /// Read without the lock, written with it; what stands behind them needs it.
  std::vector<std::atomic<Tag>> tags_;
  std::atomic<Nanos::rep> last_end_{std::numeric_limits<Nanos::rep>::min()};

  std::mutex mutex_;
  std::vector<std::unique_ptr<Set>> sets_;  // made when first needed
};

}  // namespace sluice
