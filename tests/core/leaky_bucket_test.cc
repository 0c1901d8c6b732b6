// Leaky bucket: its numbers, and the promises of shaping.
#include "core/leaky_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <variant>
#include <vector>

#include "core/policy.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Mode = LeakyBucket::Mode;

TEST(LeakyBucketMake, TakesTheLeakAsTheRate) {
  const LeakyBucket bucket = Leaky(3, 10, seconds(1), Mode::kShape);
  EXPECT_EQ(bucket.rule().capacity, 3);
  EXPECT_EQ(bucket.rule().interval, milliseconds(100));
  EXPECT_EQ(bucket.mode(), Mode::kShape);
  EXPECT_EQ(Leaky(3, 10, seconds(1), Mode::kPolice).mode(), Mode::kPolice);
}

TEST(LeakyBucketMake, RefusesWhatTheRuleRefuses) {
  PolicyFault fault{};
  EXPECT_FALSE(LeakyBucket::Make(-1, 10, seconds(1), Mode::kPolice, fault));
  EXPECT_EQ(fault, PolicyFault::kCapacity);
  EXPECT_FALSE(LeakyBucket::Make(10, 0, seconds(1), Mode::kPolice, fault));
  EXPECT_EQ(fault, PolicyFault::kRate);
  EXPECT_TRUE(LeakyBucket::Make(0, 10, seconds(1), Mode::kPolice, fault));
  EXPECT_TRUE(LeakyBucket::Make(10, 10, seconds(1), Mode::kPolice, fault));
  EXPECT_EQ(fault, PolicyFault::kNone);
}

// A call that a shaping policy admitted and delayed.
struct Call {
  Nanos came;
  Nanos leaves;
  Nanos leaks_for;  // cost * interval
};

class Shaping : public ::testing::Test {
 protected:
  // One key under a random shaping policy. The caller comes as early as possible, and the clock
  // also steps back.
  std::vector<Call> Run() {
    Policy drawn = RandomTatPolicy(random_, "p");
    while (!Shapes(drawn)) drawn = RandomTatPolicy(random_, "p");
    const std::vector<Policy> policies{drawn};
    rule_ = RuleOf(policies[0].algorithm);
    TraceClock clock(random_, Nanos{1});
    std::vector<Call> calls;
    std::vector<Decision> decisions(1);
    Nanos tat{0};
    for (int step = 0; step < 100; ++step) {
      const std::vector<std::int64_t> costs{RandomCost(random_, rule_.capacity)};
      const std::vector<Nanos> backlogs{Backlog(tat, clock.now())};
      if (DecideTats(policies, costs, backlogs, clock.now(), decisions)) {
        if (costs[0] > 0) tat = clock.now() + decisions[0].reset_after;
        calls.push_back({clock.now(), clock.now() + decisions[0].delay, costs[0] * rule_.interval});
      } else {
        EXPECT_EQ(decisions[0].delay, Nanos{0});
      }
      clock.Step(random_, decisions);
    }
    return calls;
  }

  static bool Shapes(const Policy& policy) {
    const auto* bucket = std::get_if<LeakyBucket>(&policy.algorithm);
    return bucket != nullptr && bucket->mode() == Mode::kShape;
  }

  static constexpr int kTraces = 500;
  Random random_{TestSeed()};
  TatRule rule_;
};

TEST_F(Shaping, CallsLeaveInTheOrderInWhichTheyCameAndAtNoMoreThanTheLeakRate) {
  int held_back = 0;
  for (int trace = 0; trace < kTraces; ++trace) {
    const std::vector<Call> calls = Run();
    for (std::size_t from = 0; from < calls.size(); ++from) {
      held_back += calls[from].leaves > calls[from].came ? 1 : 0;
      // A call of cost 0 waits for others, but no call waits for it if the clock was back.
      if (calls[from].leaks_for == Nanos{0}) continue;
      // All that leaves from `from` on and before `to` has leaked out when `to` leaves.
      Nanos leaks_for{0};
      for (std::size_t to = from + 1; to < calls.size(); ++to) {
        leaks_for += calls[to - 1].leaks_for;
        ASSERT_GE(calls[to].leaves, calls[from].leaves + leaks_for)
            << "capacity " << rule_.capacity << ", interval " << rule_.interval.count()
            << ", calls " << from << " to " << to;
      }
    }
  }
  EXPECT_GT(held_back, kTraces * 5);
}

TEST_F(Shaping, NobodyIsHeldBackLongerThanThoseBeforeHimNeed) {
  for (int trace = 0; trace < kTraces; ++trace) {
    Nanos free{0};  // when all earlier calls have leaked out
    for (const Call& call : Run()) {
      ASSERT_EQ(call.leaves, std::max(call.came, free))
          << "capacity " << rule_.capacity << ", interval " << rule_.interval.count();
      if (call.leaks_for == Nanos{0}) continue;
      free = call.leaves + call.leaks_for;
      // The waiting calls fit into the bucket.
      ASSERT_LE(free - call.came, rule_.Span());
    }
  }
}

}  // namespace
}  // namespace sluice::testing
