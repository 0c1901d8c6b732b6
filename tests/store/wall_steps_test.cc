// Steps of the wall clock: only windows aligned to it follow them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>

#include "memory_under_test.h"
#include "store/clock.h"
#include "store/memory_store.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Align = FixedWindow::Align;

// Midnight of 2026-11-30, UTC.
constexpr Nanos kMidnight = days(20'787);

// Counts its readings.
class CountingClock final : public Clock {
 public:
  Nanos Now() const override {
    ++readings;
    return clock.Now();
  }
  ManualClock clock;
  mutable std::atomic<int> readings{0};
};

class WallSteps : public ::testing::Test {
 protected:
  WallSteps() { SetTime(hours(12)); }

  // The machine has run for a day at midnight.
  void SetTime(Nanos since_midnight) {
    clock_.Set(days(1) + since_midnight);
    wall_.clock.Set(kMidnight + since_midnight + stepped_);
  }
  void Pass(Nanos span) { SetTime(clock_.Now() - days(1) + span); }
  // Sets the wall clock; the store sees it after a second at most.
  void Step(Nanos by) {
    stepped_ += by;
    Pass(seconds(2));
  }
  std::int64_t Taken(OnePolicy& policy, std::int64_t tries = 20) {
    std::int64_t taken = 0;
    for (std::int64_t i = 0; i < tries; ++i) {
      taken += policy.Take("k", 1, clock_.Now(), {.high = 1, .low = ++holders_}) ? 1 : 0;
    }
    return taken;
  }
  OnePolicy Of(const Algorithm& algorithm) {
    return {store_, {.name = "p" + std::to_string(++policies_), .algorithm = algorithm}};
  }

  Nanos stepped_{0};
  ManualClock clock_;
  CountingClock wall_;
  std::uint64_t holders_ = 0;
  int policies_ = 0;
  MemoryStore store_{
      {.max_keys = 1'000, .wall_offset = kMidnight - days(1), .clock = &clock_, .wall = &wall_}};
};

TEST_F(WallSteps, CutAWindowOfTheClockOnce) {
  OnePolicy daily = Of(Fixed(5, days(1), Align::kClock));
  ASSERT_EQ(Taken(daily), 5);
  EXPECT_EQ(daily.Look("k", 1, clock_.Now()).retry_after, hours(12));
  Step(hours(11));
  EXPECT_EQ(Taken(daily), 0);
  EXPECT_EQ(daily.Look("k", 1, clock_.Now()).retry_after, hours(1) - seconds(2));
  Pass(hours(1));
  EXPECT_EQ(Taken(daily), 5) << "its midnight has come";
  EXPECT_EQ(daily.Look("k", 1, clock_.Now()).retry_after, hours(24) - seconds(2));
}

TEST_F(WallSteps, StretchAWindowOfTheClockOnce) {
  OnePolicy daily = Of(Fixed(5, days(1), Align::kClock));
  ASSERT_EQ(Taken(daily), 5);
  Step(-hours(6));
  EXPECT_EQ(Taken(daily), 0);
  EXPECT_EQ(daily.Look("k", 1, clock_.Now()).retry_after, hours(18) - seconds(2));
  Step(-hours(12));  // before the window's start: it continues
  EXPECT_EQ(Taken(daily), 0);
  EXPECT_EQ(daily.Look("k", 1, clock_.Now()).retry_after, hours(30) - seconds(4));
  Pass(hours(30) - seconds(4));
  EXPECT_EQ(Taken(daily), 5);
}

TEST_F(WallSteps, ForwardAndBackGiveNoWindowTwice) {
  for (const Algorithm& algorithm : std::initializer_list<Algorithm>{
           Fixed(5, days(1), Align::kClock), Fixed(5, Nanos{0}, Align::kMonth)}) {
    OnePolicy policy = Of(algorithm);
    ASSERT_EQ(Taken(policy), 5);
    Step(days(2));  // past the end of the day, and of November
    EXPECT_EQ(Taken(policy), 5);
    Step(-days(2));
    EXPECT_EQ(Taken(policy), 0);
    Step(days(2));
    EXPECT_EQ(Taken(policy), 0);
    Step(-days(2));
    EXPECT_EQ(Taken(policy), 0);
  }
}

TEST_F(WallSteps, AreNothingToWhatIsNotAlignedToTheClock) {
  for (const Algorithm& algorithm : std::initializer_list<Algorithm>{
           Bucket(5, 5, days(1)), Fixed(5, days(1), Align::kFirstRequest), Sliding(5, days(1)),
           Log(5, days(1)), Slots(5, days(1))}) {
    OnePolicy policy = Of(algorithm);
    ASSERT_EQ(Taken(policy), 5) << StateTag(algorithm);
    const Nanos wait = policy.Look("k", 1, clock_.Now()).retry_after;
    Step(days(60));
    EXPECT_EQ(policy.Look("k", 1, clock_.Now()).retry_after, wait - seconds(2))
        << StateTag(algorithm);
    EXPECT_EQ(Taken(policy), 0) << StateTag(algorithm);
    Step(-days(90));
    EXPECT_EQ(policy.Look("k", 1, clock_.Now()).retry_after, wait - seconds(4))
        << StateTag(algorithm);
    Step(days(30));
  }
}

TEST_F(WallSteps, OfLessThanATenthOfASecondAreErrorsOfTheMeasurementUntilTheyAddUp) {
  OnePolicy daily = Of(Fixed(5, days(1), Align::kClock));
  const auto left = [&] { return daily.Look("k", 1, clock_.Now()).reset_after; };
  ASSERT_EQ(Taken(daily), 5);
  Nanos expected = left();
  Step(milliseconds(60));
  EXPECT_EQ(left(), expected -= seconds(2));
  Step(milliseconds(60));
  EXPECT_EQ(left(), expected -= seconds(2) + milliseconds(120));
}

TEST_F(WallSteps, AreLookedForOnceASecond) {
  OnePolicy daily = Of(Fixed(5, days(1), Align::kClock));
  Taken(daily);
  wall_.readings = 0;
  for (int i = 0; i < 1'000; ++i) {
    Pass(milliseconds(10));
    Taken(daily, 3);
  }
  EXPECT_GE(wall_.readings, 9);
  EXPECT_LE(wall_.readings, 11);
}

// A mark finds its charge after a step of the clock.
TEST_F(WallSteps, LeaveChargesWhereTheyWere) {
  const Policy policy{.name = "p", .algorithm = Fixed(5, days(1), Align::kClock)};
  const OnePolicy daily(store_, policy);
  const Result charged = daily.Do("k", CheckOf(3), clock_.Now());
  ASSERT_TRUE(charged.allowed);
  Step(hours(6));
  daily.Do(
      "k",
      With(Operation::Kind::kCredit, 2, {.marks = Operation::Marks{charged.decisions[0].mark}}),
      clock_.Now());
  EXPECT_EQ(daily.Remaining("k", clock_.Now()), 4);
}

// A store's clock may count from long before 1970.
TEST(WallBefore1970, WindowsAndMarksAreWhereTheyAreAfterIt) {
  const Nanos origin = days(36'500);
  for (const Nanos since : {-Nanos{days(25'000)} - seconds(3), -Nanos{seconds(3)}}) {
    MemoryStore store({.max_keys = 100, .wall_offset = -origin});
    const Nanos now = origin + since;  // 7 s into a window of 10 s that ends at a multiple of it
    OnePolicy aligned(
        store, {.name = "a", .algorithm = Fixed(5, seconds(10), FixedWindow::Align::kClock)});
    ASSERT_TRUE(aligned.Take("k", 5, now));
    EXPECT_EQ(aligned.Look("k", 1, now).retry_after, seconds(3));
    EXPECT_TRUE(aligned.Take("k", 5, now + seconds(3)));
    OnePolicy sliding(store, {.name = "s", .algorithm = Sliding(5, seconds(10))});
    ASSERT_TRUE(sliding.Take("k", 5, now));
    EXPECT_EQ(sliding.Look("k", 0, now).reset_after, seconds(13));
    OnePolicy log(store, {.name = "l", .algorithm = Log(5, seconds(10))});
    ASSERT_TRUE(log.Take("k", 5, now));
    EXPECT_EQ(log.Look("k", 1, now).retry_after, seconds(10));
    OnePolicy month(store, {.name = "m", .algorithm = Fixed(5, Nanos{0}, Align::kMonth)});
    ASSERT_TRUE(month.Take("k", 5, now));
    EXPECT_FALSE(month.Take("k", 1, now));
  }
}

}  // namespace
}  // namespace sluice::testing
