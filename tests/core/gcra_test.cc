// GCRA: its numbers, and the other form of it in I.371.
#include "core/gcra.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "support/policies.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(GcraMake, TakesTheBurstAsWhatPassesAtOnceAndTheLimitAsTheRate) {
  const Gcra gcra = CellRate(3, 10, seconds(1));
  EXPECT_EQ(gcra.rule().capacity, 3);
  EXPECT_EQ(gcra.rule().interval, milliseconds(100));
}

TEST(GcraMake, RefusesWhatTheRuleRefuses) {
  PolicyFault fault{};
  EXPECT_FALSE(Gcra::Make(-1, 10, seconds(1), fault));
  EXPECT_EQ(fault, PolicyFault::kCapacity);
  EXPECT_FALSE(Gcra::Make(10, 0, seconds(1), fault));
  EXPECT_EQ(fault, PolicyFault::kRate);
  EXPECT_TRUE(Gcra::Make(0, 10, seconds(1), fault));
  EXPECT_TRUE(Gcra::Make(10, 10, seconds(1), fault));
  EXPECT_EQ(fault, PolicyFault::kNone);
}

TEST(Gcra, HoldsBackOnlyWhoWaitsForHisTurn) {
  const Gcra gcra = CellRate(3, 10, seconds(1));
  EXPECT_EQ(gcra.Delay(milliseconds(200), 1), Nanos{0});
  EXPECT_EQ(gcra.Delay(milliseconds(250), 1), milliseconds(50));
  EXPECT_EQ(gcra.Delay(milliseconds(250), 0), Nanos{0});
}

// GCRA(T, tau) as the continuous-state leaky bucket of I.371, annex A: a content that drains by one
// a nanosecond and grows by T with each conforming cell.
class ContinuousStateLeakyBucket {
 public:
  ContinuousStateLeakyBucket(Nanos increment, Nanos limit) : increment_(increment), limit_(limit) {}

  bool Conforms(Nanos arrival) {
    const Nanos drained = std::max(Nanos{0}, content_ - (arrival - last_conformance_));
    if (drained > limit_) return false;
    content_ = drained + increment_;
    last_conformance_ = arrival;
    return true;
  }

 private:
  Nanos increment_;
  Nanos limit_;
  Nanos content_{0};
  Nanos last_conformance_{0};
};

TEST(Gcra, ConformsAsTheContinuousStateLeakyBucketDoes) {
  Random random(TestSeed());
  int conforming = 0;
  int other = 0;
  for (int trace = 0; trace < 1'000; ++trace) {
    const Gcra gcra = CellRate(random.Magnitude(50), random.Magnitude(1'000), seconds(1));
    const auto& [burst, interval] = gcra.rule();
    ContinuousStateLeakyBucket bucket(interval, (burst - 1) * interval);
    Nanos arrival{0};
    Nanos tat{0};
    for (int cell = 0; cell < 200; ++cell) {
      const TatStep step = CheckTat(gcra.rule(), tat, 1, arrival);
      tat = step.tat;
      ASSERT_EQ(step.decision.allowed, bucket.Conforms(arrival))
          << "burst " << burst << ", interval " << interval.count() << ", cell " << cell << " at "
          << arrival.count();
      (step.decision.allowed ? conforming : other) += 1;
      // A little too fast, with jitter; some cells come at the end of their wait, or just before.
      const bool at_the_edge = !step.decision.allowed && random.OneIn(2);
      arrival += at_the_edge ? step.decision.retry_after - Nanos{random.Between(0, 1)}
                             : Nanos{random.Between(0, interval.count() * 3 / 2)};
    }
  }
  EXPECT_GT(conforming, 10'000);
  EXPECT_GT(other, 10'000);
}

}  // namespace
}  // namespace sluice::testing
