// Giving back never creates quota.
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "core/tat.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TokenBucket kFiveASecond = Bucket(5, 5, seconds(1));
constexpr Nanos kStart = seconds(100);

TatStep Charge(const TatAlgorithm& algorithm, Nanos tat, std::int64_t units, Nanos now) {
  return CheckTat(algorithm.rule(), tat, units, now);
}

// The TAT after up to `units` of the charge that produced `produced` were given back.
Nanos GiveBack(const TatAlgorithm& algorithm, Nanos tat, Nanos produced, std::int64_t units,
               Nanos now) {
  const Reading before{.numbers = {Backlog(tat, now).count()}, .blocked = {}};
  return now + algorithm.ResetAfter(algorithm.GivenBack(before, units, Backlog(produced, now)));
}

TEST(GivenBack, UndoesAChargeAtOnce) {
  const TatStep charge = Charge(kFiveASecond, kStart, 3, kStart);
  EXPECT_EQ(GiveBack(kFiveASecond, charge.tat, charge.tat, 3, kStart), kStart);
}

TEST(GivenBack, GivesBackAPart) {
  const TatStep charge = Charge(kFiveASecond, kStart, 3, kStart);
  EXPECT_EQ(GiveBack(kFiveASecond, charge.tat, charge.tat, 1, kStart), kStart + milliseconds(400));
  EXPECT_EQ(GiveBack(kFiveASecond, charge.tat, charge.tat, 0, kStart), charge.tat);
}

TEST(GivenBack, GivesBackOnlyWhatHasNotDrained) {
  const TatStep charge = Charge(kFiveASecond, kStart, 3, kStart);
  // 0.5 s later 0.1 s of the 0.6 s is left.
  const Nanos later = kStart + milliseconds(500);
  EXPECT_EQ(GiveBack(kFiveASecond, charge.tat, charge.tat, 3, later), later);
  // 0.2 s later 0.4 s is left: two units come back whole.
  const Nanos sooner = kStart + milliseconds(200);
  EXPECT_EQ(GiveBack(kFiveASecond, charge.tat, charge.tat, 2, sooner), sooner);
}

TEST(GivenBack, GivesNothingBackOnceTheChargeHasDrained) {
  const TatStep charge = Charge(kFiveASecond, kStart, 3, kStart);
  const Nanos later = kStart + milliseconds(600);
  EXPECT_EQ(GiveBack(kFiveASecond, charge.tat, charge.tat, 3, later), charge.tat);
  // Not even when others have charged since.
  const TatStep other = Charge(kFiveASecond, charge.tat, 5, later);
  EXPECT_EQ(GiveBack(kFiveASecond, other.tat, charge.tat, 3, later), other.tat);
}

TEST(GivenBack, LeavesTheChargesOfOthers) {
  const TatStep first = Charge(kFiveASecond, kStart, 2, kStart);
  const TatStep second = Charge(kFiveASecond, first.tat, 3, kStart);
  EXPECT_EQ(GiveBack(kFiveASecond, second.tat, first.tat, 2, kStart), kStart + milliseconds(600));
}

TEST(GivenBack, EmptiesABacklogThatAStepBackOfTheClockMadeLongerThanAnyCharge) {
  const Reading longest{.numbers = {(kLongestSpan + std::chrono::hours(1)).count()}, .blocked = {}};
  const Reading after = kFiveASecond.GivenBack(longest, 2'147'483'647, std::nullopt);
  EXPECT_EQ(kFiveASecond.ResetAfter(after), Nanos{0});
}

TEST(GivenBack, TakesAnyNumberOfUnitsWithoutOverflow) {
  const TokenBucket kSlow = Bucket(100, 1, std::chrono::days(1));
  const TatStep charge = Charge(kSlow, kStart, 100, kStart);
  for (const std::int64_t units : {std::int64_t{100}, std::int64_t{1} << 42, INT64_MAX}) {
    EXPECT_EQ(GiveBack(kSlow, charge.tat, charge.tat, units, kStart), kStart);
  }
}

// Two worlds, the same calls: in one a charge is made and later given back in part, in the other
// only the rest was ever charged. The first never has more left than the second.
TEST(GivenBack, NeverLeavesMoreThanIfTheChargeHadNotBeenMade) {
  Random random(TestSeed());
  int gave_back = 0;
  for (int trace = 0; trace < 20'000; ++trace) {
    const Policy policy = RandomTatPolicy(random, "p");
    const TatRule rule = RuleOf(policy.algorithm);
    Nanos now{random.Magnitude(kLongestSpan.count())};
    Nanos tat{0};
    const std::int64_t charged =
        std::min<std::int64_t>(RandomCost(random, rule.capacity), rule.capacity);
    const TatStep charge = CheckTat(rule, tat, charged, now);
    const std::int64_t units = random.Between(0, charged);
    tat = charge.tat;
    Nanos without = CheckTat(rule, Nanos{0}, charged - units, now).tat;
    for (std::int64_t others = random.Between(0, 5); others > 0; --others) {
      now += Nanos{random.Between(0, rule.Span().count() / 3)};
      const TatStep other = CheckTat(rule, tat, RandomCost(random, rule.capacity), now);
      if (!other.charged) continue;
      const std::int64_t cost = (other.tat - now - Backlog(tat, now)) / rule.interval;
      tat = other.tat;
      without = CheckTat(rule, without, cost, now).tat;
    }
    now += Nanos{random.Between(0, rule.Span().count() / 3)};
    const Nanos given = GiveBack(*AsTat(policy.algorithm), tat, charge.tat, units, now);
    ASSERT_LE(Backlog(given, now), Backlog(tat, now));
    ASSERT_GE(Backlog(given, now), Backlog(without, now))
        << "capacity " << rule.capacity << ", interval " << rule.interval.count() << ", units "
        << units << " of " << charged;
    gave_back += Backlog(given, now) < Backlog(tat, now) ? 1 : 0;
  }
  EXPECT_GT(gave_back, 1'000);
}

}  // namespace
}  // namespace sluice::testing
