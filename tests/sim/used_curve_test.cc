// The curve of used units agrees with the limiter at every moment.
#include "model/used_curve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "model/simulation.h"
#include "scenarios.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

// The used units at `at` on a polyline; at a jump, the value after it.
double At(const std::vector<UsedPoint>& curve, Nanos at) {
  const auto after = std::ranges::upper_bound(curve, at, {}, &UsedPoint::at);
  const UsedPoint& left = *std::prev(after);
  if (after == curve.end() || after->at == left.at) return left.used;
  const double share = static_cast<double>((at - left.at).count()) /
                       static_cast<double>((after->at - left.at).count());
  return left.used + share * (after->used - left.used);
}

double Used(const Simulation& simulation) {
  const ChosenPolicy& policy = simulation.policy();
  return policy.info().used(policy.algorithm, simulation.StateOf(1));
}

class UsedCurveOf : public ::testing::TestWithParam<const AlgorithmInfo*> {
 protected:
  struct Sample {
    Nanos at;
    double used;
  };
};

INSTANTIATE_TEST_SUITE_P(EveryAlgorithm, UsedCurveOf, ::testing::ValuesIn(kAlgorithms), CaseName);

TEST_P(UsedCurveOf, IsWhatTheLimiterHasInUse) {
  Simulation simulation(Busy(testing::TestSeed(), 2, *GetParam()));
  const PolicyNumbers plain = simulation.policy().numbers;
  std::vector<Sample> samples;
  int step = 0;
  for (Nanos at{0}; at <= 16 * kOneSecond; at += 13 * kMilli, ++step) {
    simulation.AdvanceTo(at);
    if (step % 31 == 0) simulation.Send(1, step % 3);
    PolicyNumbers other = plain;
    if (step == 300) {  // another limit and another rate
      other[plain.info().rate] = 15;
      other[plain.info().most] = 8;
      simulation.SetPolicy(Chosen(other));
    }
    if (step == 500) {  // another window, which starts anew, and then another algorithm
      if (FieldNamed(plain.info(), "window")) other["window"] = (1500 * kMilli).count();
      simulation.SetPolicy(Chosen(other));
    }
    if (step == 800) {
      simulation.SetPolicy(
          Chosen(GetParam() == &kSlidingLogInfo ? kConcurrencyInfo : kSlidingLogInfo));
    }
    samples.push_back({at, Used(simulation)});
  }
  const auto curve = UsedCurve(simulation.history(), 1, Nanos{0}, simulation.now());
  for (const Sample& sample : samples) {
    ASSERT_NEAR(At(curve, sample.at), sample.used, 1e-6) << "at " << sample.at.count();
  }
  // A part of the curve is the same, wherever it begins.
  for (Nanos from{1}; from < simulation.now(); from += 617 * kMilli) {
    const auto part = UsedCurve(simulation.history(), 1, from, simulation.now());
    ASSERT_EQ(part.front().at, from);
    for (const Sample& sample : samples) {
      if (sample.at < from) continue;
      ASSERT_NEAR(At(part, sample.at), sample.used, 1e-6)
          << "at " << sample.at.count() << " from " << from.count();
    }
  }
}

TEST_P(UsedCurveOf, OfNoRequestIsNothing) {
  Simulation simulation(Quiet(Chosen(*GetParam())));
  simulation.AdvanceTo(kOneSecond);
  const auto curve = UsedCurve(simulation.history(), 0, Nanos{0}, kOneSecond);
  EXPECT_EQ(curve.back().at, kOneSecond);
  for (const UsedPoint& point : curve) EXPECT_EQ(point.used, 0);
}

TEST_P(UsedCurveOf, StartsWhereTheHistoryKnowsEnough) {
  Simulation simulation(Busy(testing::TestSeed(), 1, *GetParam()));
  simulation.AdvanceTo(20 * kOneSecond);
  History cut(1, 150);
  cut.Add(simulation.history().policy_changes().front());
  for (const Request& request : simulation.history().requests()) cut.Add(request);
  ASSERT_TRUE(cut.truncated());
  const auto whole = UsedCurve(simulation.history(), 0, Nanos{0}, simulation.now());
  const auto part = UsedCurve(cut, 0, Nanos{0}, simulation.now());
  ASSERT_FALSE(part.empty());
  EXPECT_GT(part.front().at, Nanos{0});
  for (const UsedPoint& point : part) {
    EXPECT_NEAR(At(part, point.at), At(whole, point.at), 1e-6) << point.at.count();
  }
  // A time whose requests were all dropped has no curve.
  EXPECT_TRUE(UsedCurve(cut, 0, Nanos{0}, cut.requests().front().at - Nanos{1}).empty());
}

TEST(UsedCurve, TurnsWhereTheBucketIsFullAgain) {
  Simulation simulation(Quiet());
  simulation.Send(0, 10);
  simulation.AdvanceTo(3 * kOneSecond);
  const auto curve = UsedCurve(simulation.history(), 0, Nanos{0}, 3 * kOneSecond);
  const auto empty = std::ranges::find(curve, kOneSecond, &UsedPoint::at);
  ASSERT_NE(empty, curve.end());
  EXPECT_EQ(empty->used, 0);
  EXPECT_EQ(At(curve, 500 * kMilli), 5);
}

TEST(UsedCurve, DropsUprightWhereAWindowEnds) {
  Simulation simulation(Quiet(Chosen(kFixedWindowInfo)));
  simulation.Send(0, 10);
  simulation.AdvanceTo(3 * kOneSecond);
  const auto curve = UsedCurve(simulation.history(), 0, Nanos{0}, 3 * kOneSecond);
  EXPECT_EQ(At(curve, 2 * kOneSecond - Nanos{1}), 10);
  EXPECT_EQ(At(curve, 2 * kOneSecond), 0);
}

}  // namespace
}  // namespace sluice::sim
