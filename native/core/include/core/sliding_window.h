// Sliding window (counter): a fixed window that also counts the share of the previous window that
// the last `window` still covers.
//
//   windows start at multiples of W since 1970; e = time into the current one, in us
//   weight   = ceil((W - e) * 1024 / W)                 1 to 1024
//   estimate = ceil(previous * weight / 1024) + current
//   admit n  iff  estimate + n <= limit
//
// Guarantee: the estimate assumes that the calls of the previous window came evenly. If they all
// came late in it, an interval as long as a window may see more than `limit`, but always less than
// 2 * limit. It never sees more than the formula admits (rounding is up). Memory: three numbers per
// key. Source: the "sliding window counter" described by Cloudflare (2017). Reading: {us until the
// current window ends, current, previous}. More than W us: the clock stepped back, and the state is
// ahead of it.
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
#include "core/fixed_window.h"
#include "core/policy_fault.h"
#include "core/reading.h"
#include "core/time.h"

namespace sluice {

class SlidingWindow : public AlgorithmDefaults {
 public:
  static constexpr std::string_view kName = "slidingWindow";
  static constexpr std::size_t kReadingSize = 3;

  struct State {
    Micros start{0};  ///< of the window that `current` counts
    std::int64_t current = 0;
    std::int64_t previous = 0;  ///< both 0: the key equals one never seen
  };

  /// limit  0 to 2^42
  /// window 1 us to 100 days
  static std::optional<SlidingWindow> Make(std::int64_t limit, Nanos window, PolicyFault& fault);

  static constexpr std::size_t kNumbers = 2;
  static std::optional<SlidingWindow> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                                  PolicyFault& fault) {
    return Make(numbers[0], Micros{numbers[1]}, fault);
  }

  static constexpr char letter() { return 's'; }
  std::int64_t limit() const { return limit_; }
  static std::int64_t LargestLimit() { return kLargestLimit; }
  Micros window() const { return window_; }
  /// "sw1.60000"
  std::string StateTag() const;
  std::optional<SlidingWindow> WithLimit(std::int64_t limit) const;
  std::array<std::int64_t, 2> WireNumbers(std::int64_t /*n*/, Nanos /*max_wait*/) const {
    return {limit_, window_.count()};
  }

  Reading Read(const State& state, Micros now) const;
  State Store(const Reading& reading, Micros now) const;

  /// Units that count at the time of the reading.
  std::int64_t Estimate(const Reading& r) const;
  bool NeverFits(std::int64_t n) const { return n > limit_; }
  bool Fits(const Reading& r, std::int64_t n) const { return Estimate(r) + n <= limit_; }
  Reading Charged(Reading r, std::int64_t n) const {
    r.numbers[1] = AddToCount(r.numbers[1], n);
    return r;
  }
  Reading ChargedDenied(const Reading& r, std::int64_t n) const { return Charged(r, n); }
  Reading Debited(const Reading& r, std::int64_t units) const { return Charged(r, units); }
  Nanos RetryAfter(const Reading& r, std::int64_t n) const;
  std::int64_t Remaining(const Reading& r) const {
    return std::max<std::int64_t>(0, limit_ - Estimate(r));
  }
  Nanos ResetAfter(const Reading& r) const;
  /// Identifies the charge that led to this reading: the start of its window, in us.
  std::int64_t Mark(const Reading& r, Micros now) const { return Store(r, now).start.count(); }
  /// Gives back up to `units`; with a mark from that window while it is the current or the previous
  /// one, else from the current window, then from the previous.
  Reading GivenBack(Reading r, std::int64_t units, std::optional<std::int64_t> mark,
                    Micros now) const;

 private:
  SlidingWindow(std::int64_t limit, Micros window) : limit_(limit), window_(window) {}

  std::int64_t limit_;
  Micros window_;
};

}  // namespace sluice
