// Fixed window: at most `limit` units in each window; the next window starts at 0.
//
// With align kFirstRequest a window starts at the key's first charged call; with kClock at
// multiples of the window since 1970; calendar months start on the first of each month, 00:00 UTC.
//
// Guarantee: at most `limit` units in any one window. So an interval as long as a window sees at
// most 2 * limit: the end of one and the start of the next (the boundary burst). Memory: two
// numbers per key. Reading: {us until the end of the window that a charge now would count in, units
// counted in it}.
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

namespace sluice {

/// The cap of unit counts: counts stop here, so that every product stays below 2^53 in the Lua
/// twin.
constexpr std::int64_t AddToCount(std::int64_t count, std::int64_t units) {
  return std::min(count + units, kLargestLimit);
}

class FixedWindow : public AlgorithmDefaults {
 public:
  static constexpr std::string_view kName = "fixedWindow";
  static constexpr std::size_t kReadingSize = 2;
  enum class Align : std::uint8_t { kFirstRequest, kClock, kMonth };

  struct State {
    Micros start{0};
    std::int64_t count = 0;  ///< 0: the key equals one never seen
  };

  /// limit  0 to 2^42
  /// window 1 us to 100 days; ignored for kMonth
  static std::optional<FixedWindow> Make(std::int64_t limit, Nanos window, Align align,
                                         PolicyFault& fault);

  static constexpr std::size_t kNumbers = 3;
  static std::optional<FixedWindow> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                                PolicyFault& fault) {
    fault = PolicyFault::kChoice;
    if (numbers[2] < 0 || numbers[2] > 2) return std::nullopt;
    return Make(numbers[0], Micros{numbers[1]}, static_cast<Align>(numbers[2]), fault);
  }

  char letter() const;
  std::int64_t limit() const { return limit_; }
  static std::int64_t LargestLimit() { return kLargestLimit; }
  /// A month: 31 days.
  Micros window() const { return window_; }
  Align align() const { return align_; }
  /// Whether its windows follow the wall clock.
  bool FollowsWallClock() const { return align_ != Align::kFirstRequest; }
  /// "fw1.60000", "fw1.60000c", "fw1.month": other windows and alignments never share state.
  std::string StateTag() const;
  std::optional<FixedWindow> WithLimit(std::int64_t limit) const;
  std::array<std::int64_t, 2> WireNumbers(std::int64_t /*n*/, Nanos /*max_wait*/) const {
    return {limit_, window_.count()};
  }

  /// The start of the clock's window or the month around `now`. Precondition: not kFirstRequest.
  Micros StartOf(Micros now) const;
  Micros EndOf(Micros start) const;

  /// A `now` before the state's start (the clock stepped back) reads as that start.
  Reading Read(const State& state, Micros now) const;
  State Store(const Reading& reading, Micros now) const;

  bool NeverFits(std::int64_t n) const { return n > limit_; }
  bool Fits(const Reading& r, std::int64_t n) const { return r.numbers[1] + n <= limit_; }
  Reading Charged(Reading r, std::int64_t n) const {
    r.numbers[1] = AddToCount(r.numbers[1], n);
    return r;
  }
  Reading ChargedDenied(const Reading& r, std::int64_t n) const { return Charged(r, n); }
  Reading Debited(const Reading& r, std::int64_t units) const { return Charged(r, units); }
  Nanos RetryAfter(const Reading& r, std::int64_t n) const {
    return Fits(r, n) ? Nanos{0} : Micros{r.numbers[0]};
  }
  std::int64_t Remaining(const Reading& r) const {
    return std::max<std::int64_t>(0, limit_ - r.numbers[1]);
  }
  Nanos ResetAfter(const Reading& r) const {
    return r.numbers[1] > 0 ? Micros{r.numbers[0]} : Micros{0};
  }
  /// Identifies the charge that led to this reading: the start of its window, in us.
  std::int64_t Mark(const Reading& r, Micros now) const { return Store(r, now).start.count(); }
  /// Gives back up to `units`; with a mark only while that window lasts.
  Reading GivenBack(Reading r, std::int64_t units, std::optional<std::int64_t> mark,
                    Micros now) const;

 private:
  FixedWindow(std::int64_t limit, Micros window, Align align)
      : limit_(limit), window_(window), align_(align) {}

  std::int64_t limit_;
  Micros window_;
  Align align_;
};

}  // namespace sluice
