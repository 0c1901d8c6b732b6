// The clocks.
#include "store/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice::testing {
namespace {

using std::chrono::seconds;

TEST(ManualClock, StandsStillUntilItIsTold) {
  ManualClock clock;
  EXPECT_EQ(clock.Now(), Nanos{0});
  clock.Set(seconds(5));
  EXPECT_EQ(clock.Now(), Nanos{seconds(5)});
  EXPECT_EQ(clock.Now(), Nanos{seconds(5)});
}

TEST(ManualClock, AdvancesAndStepsBack) {
  ManualClock clock;
  clock.Advance(seconds(5));
  clock.Advance(Nanos{1});
  EXPECT_EQ(clock.Now(), seconds(5) + Nanos{1});
  clock.Advance(seconds(-2));
  EXPECT_EQ(clock.Now(), seconds(3) + Nanos{1});
}

TEST(MonotonicClock, MovesAndNeverBack) {
  const MonotonicClock clock;
  const Nanos first = clock.Now();
  EXPECT_GE(first, Nanos{0});
  Nanos last = first;
  while (last == first) {
    const Nanos now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace sluice::testing
