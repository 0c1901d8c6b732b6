// The curves agree with the limiter and with the requests.
#include "model/series.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/simulation.h"
#include "scenarios.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

// The level at `at` on a polyline; where it drops, the value after the drop.
double At(const std::vector<LevelPoint>& curve, Nanos at) {
  const auto after = std::ranges::upper_bound(curve, at, {}, &LevelPoint::at);
  const LevelPoint& left = *std::prev(after);
  if (after == curve.end() || after->at == left.at) return left.level;
  const double share = static_cast<double>((at - left.at).count()) /
                       static_cast<double>((after->at - left.at).count());
  return left.level + share * (after->level - left.level);
}

TEST(LevelCurve, IsWhatTheLimiterAnswers) {
  Simulation simulation(Busy(testing::TestSeed(), 2));
  struct Sample {
    Nanos at;
    Nanos backlog;
    TatRule rule;
  };
  std::vector<Sample> samples;
  for (Nanos at{0}; at <= 12 * kOneSecond; at += 13 * kMilli) {
    simulation.AdvanceTo(at);
    if (at == 130 * 13 * kMilli) simulation.SetBucket(testing::Bucket(8, 20, kOneSecond));
    if (at == 300 * 13 * kMilli) simulation.SetBucket(testing::Bucket(30, 5, kOneSecond));
    samples.push_back({at, simulation.Look(1).reset_after, simulation.scenario().bucket.rule()});
  }
  const auto curve = LevelCurve(simulation.history(), 1, Nanos{0}, simulation.now());
  for (const Sample& sample : samples) {
    ASSERT_NEAR(At(curve, sample.at), LevelOf(sample.rule, sample.backlog), 1e-6)
        << "at " << sample.at.count();
  }
  // A window of it is the same curve.
  const auto window =
      LevelCurve(simulation.history(), 1, 5 * kOneSecond + Nanos{1}, simulation.now());
  EXPECT_EQ(window.front().at, 5 * kOneSecond + Nanos{1});
  for (const LevelPoint& point : window) EXPECT_NEAR(point.level, At(curve, point.at), 30.0);
  EXPECT_NEAR(window.back().level, curve.back().level, 1e-9);
}

TEST(LevelCurve, OfNoRequestIsAFullBucket) {
  Simulation simulation(Quiet());
  simulation.AdvanceTo(kOneSecond);
  for (const LevelPoint& point : LevelCurve(simulation.history(), 0, Nanos{0}, kOneSecond)) {
    EXPECT_EQ(point.level, 20);
  }
}

TEST(LevelCurve, TurnsLevelWhereTheBucketIsFull) {
  Simulation simulation(Quiet());
  simulation.Send(0, 10);
  simulation.AdvanceTo(3 * kOneSecond);
  const auto curve = LevelCurve(simulation.history(), 0, Nanos{0}, 3 * kOneSecond);
  const auto full = std::ranges::find(curve, kOneSecond, &LevelPoint::at);
  ASSERT_NE(full, curve.end());
  EXPECT_EQ(full->level, 20);
  EXPECT_EQ(At(curve, 500 * kMilli), 15);
}

TEST(LevelCurve, StartsWhereTheHistoryDoes) {
  History history(2, 2);
  const TatRule rule{10, kMilli};
  history.Add(RuleChange{Nanos{0}, rule});
  for (int i = 0; i < 4; ++i) {
    Request request{.id = static_cast<std::uint64_t>(i) + 1, .at = i * kMilli, .rule = rule};
    request.backlog_before = Nanos{0};
    request.decision = {.allowed = true, .limit = 10, .remaining = 9, .reset_after = kMilli};
    history.Add(request);
  }
  EXPECT_EQ(LevelCurve(history, 0, Nanos{0}, 5 * kMilli).front().at, 2 * kMilli);
  EXPECT_TRUE(LevelCurve(history, 1, Nanos{0}, 5 * kMilli).empty());
}

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
