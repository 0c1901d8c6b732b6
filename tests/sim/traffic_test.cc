// Traffic is a Poisson process, and the same on every machine.
#include "model/traffic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "model/random.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

TEST(Random, GivesTheSameSpansOnEveryMachine) {
  // Computed independently of this code, by the published algorithm over mt19937_64 seeded with 1.
  Random random(1);
  std::vector<std::int64_t> spans;
  for (int i = 0; i < 6; ++i) spans.push_back(random.Exponential(std::chrono::seconds(1)).count());
  EXPECT_EQ(spans, (std::vector<std::int64_t>{133'876'644, 1'911'358'047, 2'249'777'923,
                                              803'236'322, 748'990'781, 113'174'081}));
}

TEST(Random, SpansAreExponential) {
  // A fixed seed, so that the bounds (four standard errors) never fail by chance.
  constexpr int kDraws = 200'000;
  Random random(42);
  double sum = 0;
  double squares = 0;
  int beyond_mean = 0;
  int beyond_three = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto x =
        static_cast<double>(random.Exponential(std::chrono::milliseconds(1)).count()) / 1e6;
    sum += x;
    squares += x * x;
    beyond_mean += x > 1;
    beyond_three += x > 3;
  }
  const double root = std::sqrt(static_cast<double>(kDraws));
  EXPECT_NEAR(sum / kDraws, 1.0, 4.0 / root);
  EXPECT_NEAR(squares / kDraws, 2.0, 4.0 * std::sqrt(20.0) / root);
  const auto expect_share = [&](int count, double share) {
    EXPECT_NEAR(static_cast<double>(count) / kDraws, share,
                4 * std::sqrt(share * (1 - share)) / root);
  };
  expect_share(beyond_mean, std::exp(-1.0));
  expect_share(beyond_three, std::exp(-3.0));
}

TEST(Random, BelowIsUniform) {
  Random random(7);
  std::vector<int> counts(5);
  for (int i = 0; i < 50'000; ++i) ++counts.at(random.Below(5));
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 4 * std::sqrt(8'000.0));
}

TEST(PoissonTraffic, ArrivesAtItsRateFromEveryCallerAlike) {
  PoissonTraffic traffic(3, 50, 4);
  std::vector<int> counts(4);
  Nanos last{0};
  int total = 0;
  for (; traffic.next()->at < std::chrono::seconds(1000); ++total) {
    const Arrival arrival = traffic.Take();
    EXPECT_GE(arrival.at, last);
    last = arrival.at;
    ++counts.at(arrival.caller);
  }
  EXPECT_NEAR(total, 50'000, 4 * std::sqrt(50'000.0));
  for (const int count : counts) EXPECT_NEAR(count, 12'500, 4 * std::sqrt(12'500.0));
}

TEST(PoissonTraffic, ArrivalsOfASecondVaryAsPoissonCountsDo) {
  // Mean and variance are equal; a clock-like or a bursty stream has another variance.
  PoissonTraffic traffic(5, 10, 1);
  constexpr int kSeconds = 20'000;
  std::vector<int> counts(kSeconds);
  while (traffic.next()->at < std::chrono::seconds(kSeconds)) {
    ++counts[static_cast<std::size_t>(traffic.Take().at / std::chrono::seconds(1))];
  }
  double mean = 0;
  for (const int count : counts) mean += count / static_cast<double>(kSeconds);
  double variance = 0;
  for (const int count : counts) variance += (count - mean) * (count - mean) / kSeconds;
  EXPECT_NEAR(mean, 10, 4 * std::sqrt(10.0 / kSeconds));
  EXPECT_NEAR(variance, 10, 4 * std::sqrt(210.0 / kSeconds));
}

TEST(PoissonTraffic, AtRateZeroNothingComesUntilTheRateIsRaised) {
  PoissonTraffic traffic(1, 0, 1);
  EXPECT_FALSE(traffic.next());
  traffic.SetRate(10, std::chrono::seconds(5));
  ASSERT_TRUE(traffic.next());
  EXPECT_GE(traffic.next()->at, std::chrono::seconds(5));
  traffic.SetRate(0, std::chrono::seconds(6));
  EXPECT_FALSE(traffic.next());
}

TEST(PoissonTraffic, SettingTheRateItHasChangesNothing) {
  PoissonTraffic traffic(1, 10, 1);
  const Nanos next = traffic.next()->at;
  traffic.SetRate(10, Nanos{1});
  EXPECT_EQ(traffic.next()->at, next);
}

TEST(ParseVolley, ReadsWhatWriteVolleyWrites) {
  for (const char* text : {"20@3900ms", "1@0ms", "5@3s..3900ms", "100000@1m"}) {
    const auto volley = ParseVolley(text);
    ASSERT_TRUE(volley) << text;
    EXPECT_EQ(WriteVolley(*volley), text);
  }
  for (const char* text : {"", "20", "@3s", "0@3s", "-1@3s", "2@", "2@3s..", "2@3s..2s",
                           "2@3s...4s", "100001@1s", "1.5@1s", "2@soon"}) {
    EXPECT_FALSE(ParseVolley(text)) << text;
  }
}

TEST(MomentsOf, SpreadsEvenlyAndSorts) {
  using std::chrono::seconds;
  EXPECT_EQ(MomentsOf({{.count = 3, .from = seconds(2), .to = seconds(4)},
                       {.count = 2, .from = seconds(3), .to = seconds(3)}}),
            (std::vector<Nanos>{seconds(2), seconds(3), seconds(3), seconds(3), seconds(4)}));
}

TEST(Traffic, MixesVolleysIntoTheSameArrivals) {
  PoissonTraffic plain(9, 20, 3);
  Traffic mixed(9, 20, 3,
                {{.count = 4, .from = std::chrono::seconds(1), .to = std::chrono::seconds(2)}});
  std::vector<Nanos> rest;
  Nanos last{0};
  int volley = 0;
  for (int i = 0; i < 104; ++i) {
    const Arrival arrival = mixed.Take();
    EXPECT_GE(arrival.at, last);
    last = arrival.at;
    const bool scripted = volley < 4 && arrival.caller == 0 && arrival.at != plain.next()->at;
    if (scripted) {
      ++volley;
    } else {
      EXPECT_EQ(arrival.at, plain.Take().at);
    }
  }
  EXPECT_EQ(volley, 4);
}

TEST(IsRate, RefusesWhatIsNoRate) {
  EXPECT_TRUE(IsRate(0));
  EXPECT_TRUE(IsRate(kLowestRate));
  EXPECT_TRUE(IsRate(kHighestRate));
  EXPECT_FALSE(IsRate(-1));
  EXPECT_FALSE(IsRate(kLowestRate / 2));
  EXPECT_FALSE(IsRate(kHighestRate * 2));
  EXPECT_FALSE(IsRate(std::nan("")));
}

}  // namespace
}  // namespace sluice::sim
