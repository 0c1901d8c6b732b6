// The latency histogram.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "redis/latency_histogram.h"
#include "support/seed.h"

namespace sluice::redis {
namespace {

TEST(LatencyHistogram, QuantilesAreExactToTheWidthOfABin) {
  testing::Random random(testing::TestSeed());
  for (int round = 0; round < 50; ++round) {
    LatencyHistogram histogram;
    std::vector<std::int64_t> times;
    for (int i = 0; i < 1000; ++i) {
      const std::int64_t us = random.Between(0, std::int64_t{1} << random.Between(0, 26));
      times.push_back(us);
      histogram.Record(std::chrono::microseconds(us));
    }
    std::ranges::sort(times);
    for (const double share : {0.001, 0.5, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(share * 1000));
      const auto exact = static_cast<double>(times[rank - 1]);
      const auto told =
          std::chrono::duration<double, std::micro>(histogram.Quantile(share)).count();
      EXPECT_GT(told, exact);
      EXPECT_LE(told, exact * (1 + 1.0 / LatencyHistogram::kParts) + 1) << share;
    }
    EXPECT_EQ(histogram.count(), 1000U);
  }
}

TEST(LatencyHistogram, IsEmptyAtFirstAndClampsTimesOutOfRange) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), Nanos{0});
  histogram.Record(Nanos{-5});
  EXPECT_EQ(histogram.Quantile(1), std::chrono::microseconds(1));
  histogram.Record(std::chrono::hours(100));
  EXPECT_EQ(histogram.Quantile(1), std::chrono::microseconds(std::int64_t{1} << 27));
}

}  // namespace
}  // namespace sluice::redis
