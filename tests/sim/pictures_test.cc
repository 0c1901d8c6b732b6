// The pictures agree with the history.
#include "model/pictures.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/simulation.h"
#include "scenarios.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

Simulation RunOf(const AlgorithmInfo& info) {
  Simulation simulation(Busy(testing::TestSeed(), 2, info));
  simulation.AdvanceTo(12 * kOneSecond);
  return simulation;
}

TEST(WindowBars, CountEveryAdmittedUnitOnce) {
  for (const AlgorithmInfo* info : {&kFixedWindowInfo, &kSlidingWindowInfo}) {
    const Simulation simulation = RunOf(*info);
    const auto bars = WindowBars(simulation.history(), 1, Nanos{0}, simulation.now());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < bars.size(); ++i) {
      sum += bars[i].count;
      EXPECT_EQ(bars[i].end - bars[i].start, 2 * kOneSecond);
      EXPECT_LE(bars[i].count, bars[i].limit);
      EXPECT_GE(bars[i].start, i > 0 ? bars[i - 1].end : Nanos{0});
    }
    EXPECT_EQ(sum, simulation.history().per_caller()[1].units_admitted);
  }
}

TEST(WindowBars, OfAPartBeginWithTheWindowThatReachesIntoIt) {
  Scenario scenario = Quiet(Chosen(kFixedWindowInfo));
  scenario.volleys = {{.count = 5, .from = kOneSecond, .to = kOneSecond},
                      {.count = 7, .from = 4 * kOneSecond, .to = 4 * kOneSecond}};
  Simulation simulation(scenario);
  simulation.AdvanceTo(5 * kOneSecond);
  const auto bars = WindowBars(simulation.history(), 0, 2 * kOneSecond, simulation.now());
  ASSERT_EQ(bars.size(), 2U);
  EXPECT_EQ(bars[0].start, kOneSecond);
  EXPECT_EQ(bars[0].count, 5);
  EXPECT_EQ(bars[1].start, 4 * kOneSecond);
  EXPECT_EQ(WindowBars(simulation.history(), 0, 3 * kOneSecond, simulation.now()).size(), 1U);
  // Algorithms without windows have none.
  EXPECT_TRUE(WindowBars(RunOf(kGcraInfo).history(), 0, Nanos{0}, kOneSecond).empty());
}

TEST(BusiestSpan, FindsTheBurstAcrossABoundary) {
  Scenario scenario = Quiet(Chosen(kFixedWindowInfo, {{"align", "clock"}}));
  scenario.volleys = {{.count = 20, .from = 3700 * kMilli, .to = 3900 * kMilli},
                      {.count = 30, .from = 4100 * kMilli, .to = 4300 * kMilli}};
  Simulation simulation(scenario);
  simulation.AdvanceTo(8 * kOneSecond);
  const BusySpan span =
      BusiestSpan(simulation.history(), 0, Nanos{0}, simulation.now(), 2 * kOneSecond);
  EXPECT_EQ(span.units, 40);  // twice the limit
  EXPECT_EQ(span.to - span.from, 2 * kOneSecond);
  EXPECT_GE(span.to, 4100 * kMilli);
  EXPECT_LT(span.to, 4300 * kMilli);
  EXPECT_EQ(BusiestSpan(simulation.history(), 0, 5 * kOneSecond, 7 * kOneSecond, kMilli).units, 0);
}

TEST(BusiestSpan, OfALogIsNeverAboveTheLimit) {
  const Simulation simulation = RunOf(kSlidingLogInfo);
  for (const std::uint32_t caller : {0U, 1U}) {
    EXPECT_EQ(
        BusiestSpan(simulation.history(), caller, Nanos{0}, simulation.now(), 2 * kOneSecond).units,
        20);
  }
}

TEST(BusiestSpan, CountsTimeInMicrosecondsAsTheLogDoes) {
  Simulation simulation(Quiet(Chosen(kSlidingLogInfo, {{"limit", "2"}})));
  for (const Nanos at : {Nanos{900}, Nanos{900}, 2 * kOneSecond + Nanos{100}}) {
    simulation.AdvanceTo(at);
    simulation.Send(0, 1);
  }
  // By the nanosecond the third call is within 2 s of the others.
  EXPECT_EQ(simulation.history().totals().admitted, 3);
  EXPECT_EQ(BusiestSpan(simulation.history(), 0, Nanos{0}, simulation.now(), 2 * kOneSecond).units,
            2);
}

TEST(ChargedRequests, AreWhatTheLogHolds) {
  const Simulation simulation = RunOf(kSlidingLogInfo);
  const auto marks =
      ChargedRequests(simulation.history(), 0, simulation.now() - 2 * kOneSecond, simulation.now());
  std::int64_t sum = 0;
  for (const Request* mark : marks) sum += mark->cost;
  EXPECT_GT(sum, 0);
  EXPECT_EQ(sum, simulation.StateOf(0).numbers[0]);
  EXPECT_TRUE(std::ranges::is_sorted(marks, {}, &Request::at));
}

TEST(WaitingCalls, LeaveOneByOneAtTheLeakRate) {
  Simulation simulation(Quiet(Chosen(kLeakyBucketInfo, {{"mode", "shape"}})));
  for (int i = 0; i < 5; ++i) simulation.Send(0, 1);
  simulation.AdvanceTo(150 * kMilli);
  const auto waiting = WaitingCalls(simulation.history(), 0, simulation.now());
  ASSERT_EQ(waiting.size(), 3U);  // at 0 and 100 ms two have left
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    EXPECT_EQ(waiting[i]->id, i + 3);
    EXPECT_EQ(waiting[i]->Leaves(), static_cast<std::int64_t>(i + 2) * 100 * kMilli);
  }
  simulation.AdvanceTo(kOneSecond);
  EXPECT_TRUE(WaitingCalls(simulation.history(), 0, simulation.now()).empty());
}

}  // namespace
}  // namespace sluice::sim
