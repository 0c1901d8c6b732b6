// Explanations say what the limiter did, in numbers that add up.
#include "model/explain.h"

#include <gtest/gtest.h>

#include "model/simulation.h"
#include "scenarios.h"

namespace sluice::sim {
namespace {

std::string ValueOf(const std::vector<Explanation::Line>& lines, std::string_view name) {
  for (const auto& line : lines) {
    if (line.name == name) return line.value;
  }
  return "no line of this name";
}

TEST(Explain, ADenialNamesWhatIsMissingAndForHowLong) {
  Simulation simulation(Quiet());
  simulation.Send(0, 20);
  simulation.AdvanceTo(40 * kMilli);
  simulation.Send(0, 1);
  const Explanation text = Explain(simulation.history().requests().back());
  EXPECT_EQ(text.verdict, "Denied");
  EXPECT_EQ(text.reason,
            "The bucket held 0.40 tokens; cost 1 needs 1 token. The missing 0.60 refill in 60 ms.");
  EXPECT_EQ(ValueOf(text.lines, "one token"), "100 ms");
  EXPECT_EQ(ValueOf(text.lines, "full refill"), "2,000 ms");
  EXPECT_EQ(ValueOf(text.lines, "not refilled yet"), "1,960 ms");
  EXPECT_EQ(ValueOf(text.lines, "room"), "40 ms");
  EXPECT_EQ(ValueOf(text.lines, "needed"), "100 ms");
  EXPECT_EQ(text.test, "100 ms \u2264 40 ms?  No: denied.");
  EXPECT_EQ(ValueOf(text.answer, "remaining"), "0");
  EXPECT_EQ(ValueOf(text.answer, "retry after"), "60 ms");
  EXPECT_EQ(ValueOf(text.answer, "full again after"), "1,960 ms");
}

TEST(Explain, AnAdmissionNamesWhatItTookAndLeft) {
  Simulation simulation(Quiet());
  simulation.Send(0, 3);
  const Explanation text = Explain(simulation.history().requests().back());
  EXPECT_EQ(text.verdict, "Admitted");
  EXPECT_EQ(text.reason, "The bucket held 20.00 tokens; cost 3 took 3 tokens and left 17.00.");
  EXPECT_EQ(text.test, "300 ms \u2264 2,000 ms?  Yes: admitted.");
  EXPECT_EQ(ValueOf(text.answer, "remaining"), "17");
}

TEST(Explain, ACostAboveTheCapacityIsDeniedForEver) {
  Simulation simulation(Quiet());
  simulation.Send(0, 21);
  const Explanation text = Explain(simulation.history().requests().back());
  EXPECT_EQ(text.reason,
            "Cost 21 is more than the bucket can ever hold (20), so it can never be admitted.");
  EXPECT_EQ(ValueOf(text.answer, "retry after"), "never");
}

TEST(Explain, CostZeroTakesNothing) {
  Simulation simulation(Quiet());
  simulation.Send(0, 0);
  EXPECT_EQ(Explain(simulation.history().requests().back()).reason,
            "Cost 0 is always admitted and takes nothing.");
}

TEST(Explain, DebtIsCalledDebt) {
  Simulation simulation(Quiet());
  simulation.Send(0, 20);
  simulation.SetBucket(testing::Bucket(5, 10, kOneSecond));
  simulation.Send(0, 1);
  EXPECT_EQ(Explain(simulation.history().requests().back()).reason,
            "The bucket was 15.00 tokens below empty; cost 1 needs 1 token. "
            "The missing 16.00 refill in 1,600 ms.");
}

TEST(DescribeBucket, NamesTheAlgorithmAndItsNumbers) {
  EXPECT_EQ(DescribeBucket(testing::Bucket(20, 10, kOneSecond)),
            "Token bucket: capacity 20, refill 10 every 1 s");
  EXPECT_EQ(DescribeLimit(testing::Bucket(20, 10, kOneSecond)),
            "At most 20 at once, then 10 a second");
  EXPECT_EQ(DescribeLimit(testing::Bucket(3, 3, 60 * kOneSecond)),
            "At most 3 at once, then 3 a minute");
}

TEST(MakeBucket, SaysWhichNumberIsWrong) {
  std::string fault;
  EXPECT_TRUE(MakeBucket({.capacity = 20, .refill = 10, .every = kOneSecond}, fault));
  EXPECT_EQ(fault, "");
  EXPECT_FALSE(MakeBucket({.capacity = 0, .refill = 10, .every = kOneSecond}, fault));
  EXPECT_EQ(fault, "capacity 0: must be 1 to 4398046511104");
  EXPECT_FALSE(MakeBucket({.capacity = 1, .refill = -4, .every = kOneSecond}, fault));
  EXPECT_EQ(fault, "refill -4: must be 1 to 4398046511104");
  EXPECT_FALSE(MakeBucket({.capacity = 1, .refill = 1, .every = Nanos{0}}, fault));
  EXPECT_EQ(fault, "every 0 ms: must be above 0 and below 146 years");
  EXPECT_FALSE(MakeBucket({.capacity = 1, .refill = 900'000'000, .every = kOneSecond}, fault));
  EXPECT_TRUE(fault.starts_with("refill 900000000 every 1 s: too fast")) << fault;
  EXPECT_FALSE(MakeBucket({.capacity = 101, .refill = 1, .every = std::chrono::hours(24)}, fault));
  EXPECT_EQ(fault, "capacity 101 with refill 1 every 1 d: a full refill takes more than 100 days");
}

}  // namespace
}  // namespace sluice::sim
