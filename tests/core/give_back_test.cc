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

constexpr TatRule kFiveASecond{.capacity = 5, .interval = milliseconds(200)};
constexpr Nanos kStart = seconds(100);

TEST(GiveBackTat, UndoesAChargeAtOnce) {
  const TatStep charge = CheckTat(kFiveASecond, kStart, 3, kStart);
  EXPECT_EQ(GiveBackTat(kFiveASecond, charge.tat, charge.tat, 3, kStart), kStart);
}

TEST(GiveBackTat, GivesBackAPart) {
  const TatStep charge = CheckTat(kFiveASecond, kStart, 3, kStart);
  EXPECT_EQ(GiveBackTat(kFiveASecond, charge.tat, charge.tat, 1, kStart),
            kStart + milliseconds(400));
  EXPECT_EQ(GiveBackTat(kFiveASecond, charge.tat, charge.tat, 0, kStart), charge.tat);
}

TEST(GiveBackTat, GivesBackOnlyWhatHasNotDrained) {
  const TatStep charge = CheckTat(kFiveASecond, kStart, 3, kStart);
  // 0.5 s later 0.1 s of the 0.6 s is left.
  const Nanos later = kStart + milliseconds(500);
  EXPECT_EQ(GiveBackTat(kFiveASecond, charge.tat, charge.tat, 3, later), later);
  // 0.2 s later 0.4 s is left: two units come back whole.
  const Nanos sooner = kStart + milliseconds(200);
  EXPECT_EQ(GiveBackTat(kFiveASecond, charge.tat, charge.tat, 2, sooner), sooner);
}

TEST(GiveBackTat, GivesNothingBackOnceTheChargeHasDrained) {
  const TatStep charge = CheckTat(kFiveASecond, kStart, 3, kStart);
  const Nanos later = kStart + milliseconds(600);
  EXPECT_EQ(GiveBackTat(kFiveASecond, charge.tat, charge.tat, 3, later), charge.tat);
  // Not even when others have charged since.
  const TatStep other = CheckTat(kFiveASecond, charge.tat, 5, later);
  EXPECT_EQ(GiveBackTat(kFiveASecond, other.tat, charge.tat, 3, later), other.tat);
}

TEST(GiveBackTat, LeavesTheChargesOfOthers) {
  const TatStep first = CheckTat(kFiveASecond, kStart, 2, kStart);
  const TatStep second = CheckTat(kFiveASecond, first.tat, 3, kStart);
  EXPECT_EQ(GiveBackTat(kFiveASecond, second.tat, first.tat, 2, kStart),
            kStart + milliseconds(600));
}

TEST(GiveBackTat, TakesAnyNumberOfUnitsWithoutOverflow) {
  constexpr TatRule kSlow{.capacity = 100, .interval = std::chrono::days(1)};
  const TatStep charge = CheckTat(kSlow, kStart, 100, kStart);
  for (const std::int64_t units : {std::int64_t{100}, std::int64_t{1} << 42, INT64_MAX}) {
    EXPECT_EQ(GiveBackTat(kSlow, charge.tat, charge.tat, units, kStart), kStart);
  }
}

// Two worlds, the same calls: in one a charge is made and later given back in part, in the other
// only the rest was ever charged. The first never has more left than the second.
TEST(GiveBackTat, NeverLeavesMoreThanIfTheChargeHadNotBeenMade) {
  Random random(TestSeed());
  int gave_back = 0;
  for (int trace = 0; trace < 20'000; ++trace) {
    const TatRule rule = RuleOf(RandomTatPolicy(random, "p").algorithm);
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
    const Nanos given = GiveBackTat(rule, tat, charge.tat, units, now);
    ASSERT_LE(given, tat);
    ASSERT_GE(Backlog(given, now), Backlog(without, now))
        << "capacity " << rule.capacity << ", interval " << rule.interval.count() << ", units "
        << units << " of " << charged;
    gave_back += given < tat ? 1 : 0;
  }
  EXPECT_GT(gave_back, 1'000);
}

}  // namespace
}  // namespace sluice::testing
