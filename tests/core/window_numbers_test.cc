// Numbers that windows, logs and slots accept and refuse, and the ends of their ranges.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/policy.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::seconds;
using Align = FixedWindow::Align;

constexpr Nanos kTooLong = kLongestSpan + Nanos{1};

// Each algorithm's answer to a limit and a window.
struct Makes {
  const char* name;
  PolicyFault (*make)(std::int64_t limit, Nanos window);
  std::int64_t largest;
  PolicyFault too_large;
};

PolicyFault MakeFixed(std::int64_t limit, Nanos window) {
  PolicyFault fault{};
  const bool made = FixedWindow::Make(limit, window, Align::kFirstRequest, fault).has_value();
  EXPECT_EQ(made, fault == PolicyFault::kNone);
  return fault;
}

template <typename Algorithm>
PolicyFault MakeOther(std::int64_t limit, Nanos window) {
  PolicyFault fault{};
  const bool made = Algorithm::Make(limit, window, fault).has_value();
  EXPECT_EQ(made, fault == PolicyFault::kNone);
  return fault;
}

constexpr Makes kAll[] = {
    {"fixedWindow", &MakeFixed, kLargestLimit, PolicyFault::kCapacity},
    {"slidingWindow", &MakeOther<SlidingWindow>, kLargestLimit, PolicyFault::kCapacity},
    {"slidingLog", &MakeOther<SlidingLog>, kLargestLogLimit, PolicyFault::kLogLimit},
    {"concurrency", &MakeOther<Concurrency>, kLargestLimit, PolicyFault::kCapacity},
};

TEST(WindowNumbers, LimitsAreInRange) {
  for (const auto& [name, make, largest, too_large] : kAll) {
    SCOPED_TRACE(name);
    EXPECT_EQ(make(0, seconds(1)), PolicyFault::kNone);
    EXPECT_EQ(make(1, seconds(1)), PolicyFault::kNone);
    EXPECT_EQ(make(largest, seconds(1)), PolicyFault::kNone);
    for (const std::int64_t limit : {std::int64_t{-1}, largest + 1, INT64_MAX}) {
      EXPECT_EQ(make(limit, seconds(1)), too_large) << limit;
    }
  }
}

TEST(WindowNumbers, WindowsAreInRange) {
  for (const auto& [name, make, largest, too_large] : kAll) {
    SCOPED_TRACE(name);
    EXPECT_EQ(make(1, microseconds(1)), PolicyFault::kNone);
    EXPECT_EQ(make(1, days(100)), PolicyFault::kNone);
    for (const Nanos window : {Nanos{0}, Nanos{-1}, Nanos{999}, kTooLong, Nanos::max()}) {
      EXPECT_EQ(make(1, window), PolicyFault::kWindow) << window.count();
    }
  }
}

TEST(WindowNumbers, APartOfAMicrosecondMakesAWindowLonger) {
  EXPECT_EQ(Fixed(1, Nanos{1001}, Align::kClock).window(), microseconds(2));
  EXPECT_EQ(Sliding(1, Nanos{1001}).window(), microseconds(2));
  EXPECT_EQ(Log(1, Nanos{1999}).window(), microseconds(2));
  EXPECT_EQ(Slots(1, Nanos{2000}).ttl(), microseconds(2));
}

TEST(WindowNumbers, AMonthNeedsNoWindow) {
  for (const Nanos window : {Nanos{0}, Nanos{-5}, kTooLong}) {
    EXPECT_EQ(Fixed(1, window, Align::kMonth).window(), days(31));
  }
}

TEST(WindowNumbers, WithLimitKeepsWhatElseThereIs) {
  const Algorithm all[] = {Bucket(5, 5, seconds(1)),    CellRate(5, 5, seconds(1)),
                           Leaky(5, 5, seconds(1), {}), Fixed(5, seconds(9), Align::kClock),
                           Sliding(5, seconds(9)),      Log(5, seconds(9)),
                           Slots(5, seconds(9))};
  for (const Algorithm& algorithm : all) {
    SCOPED_TRACE(StateTag(algorithm));
    const auto other = WithLimit(algorithm, 7);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->index(), algorithm.index());
    EXPECT_EQ(LimitOf(*other), 7);
    EXPECT_EQ(StateTag(*other), StateTag(algorithm));
    EXPECT_EQ(LimitOf(WithLimit(algorithm, 0).value()), 0);
    EXPECT_FALSE(WithLimit(algorithm, -1));
    EXPECT_FALSE(WithLimit(algorithm, INT64_MAX));
    const Policy policy{"p", algorithm};
    EXPECT_EQ(LimitOf(AlgorithmFor(policy, {.cost = 1, .limit = kOwnLimit})), 5);
    EXPECT_EQ(LimitOf(AlgorithmFor(policy, {.cost = 1, .limit = 7})), 7);
    EXPECT_EQ(IsTat(algorithm), algorithm.index() < 3);
  }
}

TEST(WindowNumbers, WithLimitOfABucketEndsWhereARefillWouldTakeTooLong) {
  const Algorithm bucket = Bucket(1, 1, days(1));
  EXPECT_TRUE(WithLimit(bucket, 100));
  EXPECT_FALSE(WithLimit(bucket, 101));
  const Algorithm quick = Bucket(1, 1'000'000'000, seconds(1));
  EXPECT_TRUE(WithLimit(quick, kLargestLimit));
  EXPECT_FALSE(WithLimit(quick, kLargestLimit + 1));
}

TEST(WindowNumbers, CountsStopAtTheLargestLimit) {
  const FixedWindow fixed = Fixed(kLargestLimit, seconds(1), Align::kClock);
  Reading full{.numbers = {1'000'000, kLargestLimit - 1, 0}, .blocked = {}};
  EXPECT_EQ(fixed.Debited(full, 5).numbers[1], kLargestLimit);
  EXPECT_EQ(fixed.ChargedDenied(full, 5).numbers[1], kLargestLimit);
  const SlidingWindow sliding = Sliding(kLargestLimit, seconds(1));
  EXPECT_EQ(sliding.Debited(full, 5).numbers[1], kLargestLimit);
  full.numbers[2] = kLargestLimit;
  EXPECT_EQ(sliding.Estimate(full), 2 * kLargestLimit - 1);
  EXPECT_EQ(sliding.Remaining(full), 0);
}

TEST(WindowNumbers, ALogHoldsNoMoreThanItsLimitOfAnyDebit) {
  const SlidingLog log = Log(5, seconds(1));
  SlidingLog::State state;
  for (const std::int64_t units : {std::int64_t{2}, INT64_MAX}) {
    auto room = std::make_unique<SlidingLog::Entry[]>(4);
    state.list.Exchange(room, 4);
    log.Charge(state, units, Micros{units == 2 ? 1 : 2});
  }
  EXPECT_EQ(state.sum, 5);
  ASSERT_EQ(state.list.size(), 1u);
  EXPECT_EQ(state.list.front().cost, 5);
}

TEST(WindowNumbers, ADeniedChargeLeavesALogNoLessThanItHeldUnderALargerLimit) {
  const SlidingLog log = Log(5, seconds(1));
  const auto held = [&log](std::int64_t before) {
    return log.ChargedDenied({.numbers = {before, 0, 1'000'000}, .blocked = {}}, 2).numbers[0];
  };
  EXPECT_EQ(held(2), 4);
  EXPECT_EQ(held(4), 5);
  EXPECT_EQ(held(7), 7);
}

TEST(WindowNumbers, GivingBackNeverCountsBelowZero) {
  const Reading one{.numbers = {1'000'000, 1, 1}, .blocked = {}};
  const auto given =
      Fixed(5, seconds(1), Align::kClock).GivenBack(one, INT64_MAX, std::nullopt, Micros{0});
  EXPECT_EQ(given.numbers[1], 0);
  const Reading both = Sliding(5, seconds(1)).GivenBack(one, INT64_MAX, std::nullopt, Micros{0});
  EXPECT_EQ(both.numbers[1], 0);
  EXPECT_EQ(both.numbers[2], 0);
}

TEST(WindowNumbers, AMonthStartsOnItsFirstAndEndsWithTheNext) {
  const FixedWindow month = Fixed(1, Nanos{0}, Align::kMonth);
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  const auto at = [](std::chrono::year_month_day date) {
    return Micros{sys_days(date).time_since_epoch()};
  };
  const Micros march = at(2026y / 3 / 1);
  EXPECT_EQ(month.StartOf(march), march);
  EXPECT_EQ(month.StartOf(march - Micros{1}), at(2026y / 2 / 1));
  EXPECT_EQ(month.EndOf(march), at(2026y / 4 / 1));
  EXPECT_EQ(month.EndOf(at(2026y / 12 / 1)), at(2027y / 1 / 1));
}

}  // namespace
}  // namespace sluice::testing
