// The rates agree with the requests.
#include "model/series.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/simulation.h"
#include "scenarios.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

TEST(RateBuckets, HoldEveryRequestOnce) {
  Simulation simulation(Busy(testing::TestSeed()));
  simulation.AdvanceTo(10 * kOneSecond);
  simulation.Send(0, 3);
  const auto buckets = RateBuckets(simulation.history(), 0, Nanos{0}, simulation.now(), kOneSecond);
  ASSERT_EQ(buckets.size(), 11U);
  std::int64_t offered = 0;
  std::int64_t admitted = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    EXPECT_EQ(buckets[i].start, static_cast<std::int64_t>(i) * kOneSecond);
    offered += buckets[i].offered;
    admitted += buckets[i].admitted;
  }
  EXPECT_EQ(offered, simulation.history().totals().units_offered);
  EXPECT_EQ(admitted, simulation.history().totals().units_admitted);
  EXPECT_GE(buckets.back().offered, 3);
}

TEST(RateBuckets, AreAlignedToTimeZero) {
  const History history(1);
  const auto buckets = RateBuckets(history, 0, 1500 * kMilli, 2500 * kMilli, kOneSecond);
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].start, kOneSecond);
}

TEST(RateOver, CountsFromAfterTheStartToTheEnd) {
  History history(2);
  for (int i = 1; i <= 4; ++i) {
    history.Add(Request{.id = static_cast<std::uint64_t>(i),
                        .at = i * kMilli,
                        .cost = i,
                        .decision = {.allowed = i % 2 == 0}});
  }
  const RateBucket sum = RateOver(history, 0, kMilli, 3 * kMilli);
  EXPECT_EQ(sum.offered, 2 + 3);
  EXPECT_EQ(sum.admitted, 2);
  EXPECT_EQ(RateOver(history, 1, Nanos{0}, kOneSecond).offered, 0);
}

}  // namespace
}  // namespace sluice::sim
