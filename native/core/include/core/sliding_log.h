// Sliding log: remembers every admitted call, so it counts the last `window` exactly.
//
//   admit n  iff  (sum of costs in (now - W, now]) + n <= limit
//
// Guarantee: at most `limit` units in any interval as long as a window.
// Memory: one time and cost per admitted call in the window (calls of one microsecond share an
// entry); limits go up to 100,000.
// Reading: {units in the window, us until the call would be admitted, us until the newest entry
// leaves the window}.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/algorithm_defaults.h"
#include "core/policy_fault.h"
#include "core/reading.h"
#include "core/time.h"
#include "core/timed_list.h"

namespace sluice {

class SlidingLog : public AlgorithmDefaults {
 public:
  static constexpr std::string_view kName = "slidingLog";
  static constexpr std::size_t kReadingSize = 3;
  static constexpr std::string_view kCollection = ":l";

  struct Entry {
    Micros time{0};
    std::int64_t cost = 0;
  };
  /// Times ascend. No entry has a cost of 0.
  struct State {
    TimedList<Entry> list;
    std::int64_t sum = 0;  ///< of all entries, those that have left the window included
  };

  /// limit  0 to 100,000
  /// window 1 us to 100 days
  static std::optional<SlidingLog> Make(std::int64_t limit, Nanos window, PolicyFault& fault);

  static constexpr std::size_t kNumbers = 2;
  static std::optional<SlidingLog> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                               PolicyFault& fault) {
    return Make(numbers[0], Micros{numbers[1]}, fault);
  }

  static constexpr char letter() { return 'l'; }
  std::int64_t limit() const { return limit_; }
  static std::int64_t LargestLimit() { return kLargestLogLimit; }
  Micros window() const { return window_; }
  /// "sl1.60000"
  std::string StateTag() const;
  std::optional<SlidingLog> WithLimit(std::int64_t limit) const;
  std::array<std::int64_t, 2> WireNumbers(std::int64_t /*n*/, Nanos /*max_wait*/) const {
    return {limit_, window_.count()};
  }

  /// The inputs of a decision on a call of cost `n`; `charges_denials`: its denial will be charged.
  /// If the clock stepped back behind the newest entry, its time counts.
  Reading Read(const State& state, Micros now, std::int64_t n, bool charges_denials) const;

  bool NeverFits(std::int64_t n) const { return n > limit_; }
  bool Fits(const Reading& r, std::int64_t n) const { return r.numbers[0] + n <= limit_; }
  Reading Charged(Reading r, std::int64_t n) const {
    r.numbers[0] += n;
    r.numbers[2] = std::max(r.numbers[2], window_.count());
    return r;
  }
  Reading ChargedDenied(const Reading& r, std::int64_t n) const {
    Reading after = Charged(r, n);
    after.numbers[0] = std::min(std::max(limit_, r.numbers[0]), after.numbers[0]);
    return after;
  }
  Nanos RetryAfter(const Reading& r, std::int64_t /*n*/) const { return Micros{r.numbers[1]}; }
  std::int64_t Remaining(const Reading& r) const {
    return std::max<std::int64_t>(0, limit_ - r.numbers[0]);
  }
  Nanos ResetAfter(const Reading& r) const { return Micros{r.numbers[2]}; }
  /// Identifies the charge that led to this reading: the time of its entry, in us.
  std::int64_t Mark(const Reading& r, Micros now) const {
    return now.count() + r.numbers[2] - window_.count();
  }

  // Changes of the state. `now` as in Read. A change that adds an entry REQUIRES
  // !state.list.full().

  /// Adds an entry of n >= 1 units. Keeps the newest entries that make up `limit`, because earlier
  /// ones decide nothing. If the window held more (by a larger limit of another call), keeps that
  /// much: a small limit must not free a large one.
  void Charge(State& state, std::int64_t n, Micros now) const;
  /// Gives back up to `units`; with a mark from the entry of that time, else from the newest ones.
  void GiveBack(State& state, std::int64_t units, std::optional<std::int64_t> mark,
                Micros now) const;

 private:
  SlidingLog(std::int64_t limit, Micros window) : limit_(limit), window_(window) {}

  Micros Newest(const State& state, Micros now) const {
    return state.list.empty() ? now : std::max(now, state.list.back().time);
  }

  std::int64_t limit_;
  Micros window_;
};

}  // namespace sluice
