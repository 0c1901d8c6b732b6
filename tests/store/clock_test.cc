// The clocks.
#include "store/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>

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

template <typename T>
class MachineClock : public ::testing::Test {};
using MachineClocks = ::testing::Types<MonotonicClock, BootClock>;
TYPED_TEST_SUITE(MachineClock, MachineClocks);

TYPED_TEST(MachineClock, MovesAndNeverBack) {
  const TypeParam clock;
  const Nanos first = clock.Now();
  EXPECT_GE(first, Nanos{0});
  Nanos last = first;
  while (last == first) {
    const Nanos now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

#ifdef CLOCK_BOOTTIME
TEST(BootClock, CountsTheSleepOfTheMachine) {
  const auto read = [] {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return seconds(time.tv_sec) + Nanos{time.tv_nsec};
  };
  const Nanos before = read();
  const Nanos now = BootClock::Instance().Now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, read());
}
#endif

TEST(WallClock, CountsFrom1970) {
  const auto read = [] { return std::chrono::system_clock::now().time_since_epoch(); };
  const Nanos before = read();
  const Nanos now = WallClock::Instance().Now();
  EXPECT_LE(before, now + seconds(1)) << "unless somebody sets it just now";
  EXPECT_LE(now, read() + seconds(1));
}

}  // namespace
}  // namespace sluice::testing
