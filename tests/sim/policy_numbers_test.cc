// Fields are read, written and refused by name.
#include "model/policy_numbers.h"

#include <gtest/gtest.h>

#include "model/describe.h"
#include "scenarios.h"

namespace sluice::sim {
namespace {

std::string FaultOf(PolicyNumbers numbers) {
  std::string fault;
  EXPECT_FALSE(MakePolicy(numbers, fault));
  return fault;
}

std::string FaultOf(Field field, std::string_view text) {
  PolicyNumbers numbers;
  std::string fault;
  EXPECT_FALSE(SetField(numbers, field, text, fault)) << text;
  return fault;
}

TEST(MakePolicy, MakesTheAlgorithmThatIsNamed) {
  for (const AlgorithmKind kind : kAlgorithmKinds) {
    const ChosenPolicy policy = Default(kind);
    EXPECT_EQ(policy.algorithm.index(), static_cast<std::size_t>(kind));
    EXPECT_EQ(KindNamed(NameOf(kind)), kind);
    EXPECT_EQ(policy.limit(),
              kind == AlgorithmKind::kGcra || kind == AlgorithmKind::kConcurrency ? 10 : 20);
  }
  EXPECT_FALSE(KindNamed("leakybucket"));
}

TEST(MakePolicy, SaysWhichNumberIsWrong) {
  using enum AlgorithmKind;
  std::string fault;
  EXPECT_TRUE(MakePolicy({.capacity = 20, .refill = 10, .every = kOneSecond}, fault));
  EXPECT_EQ(fault, "");
  EXPECT_EQ(FaultOf({.capacity = 0}), "capacity 0: must be 1 to 4398046511104");
  EXPECT_EQ(FaultOf({.refill = -4}), "refill -4: must be 1 to 4398046511104");
  EXPECT_EQ(FaultOf({.every = Nanos{0}}), "every 0 ms: must be above 0 and below 146 years");
  EXPECT_EQ(FaultOf({.capacity = 101, .refill = 1, .every = std::chrono::hours(24)}),
            "capacity 101 with refill 1 every 1 d: a full refill takes more than 100 days");
  EXPECT_TRUE(FaultOf({.refill = 900'000'000}).starts_with("refill 900000000 every 1 s: too fast"));
  EXPECT_TRUE(FaultOf({.algorithm = kGcra, .limit = 0}).starts_with("limit 0: must be 1 to"));
  EXPECT_TRUE(FaultOf({.algorithm = kGcra, .burst = 0}).starts_with("burst 0: must be 1 to"));
  EXPECT_TRUE(FaultOf({.algorithm = kLeakyBucket, .leak = 0}).starts_with("leak 0: must be 1 to"));
  for (const AlgorithmKind kind : {kFixedWindow, kSlidingWindow, kSlidingLog, kConcurrency}) {
    EXPECT_TRUE(FaultOf({.algorithm = kind, .limit = 0}).starts_with("limit 0: must be 1 to"));
  }
  EXPECT_EQ(FaultOf({.algorithm = kSlidingLog, .limit = 100'001}),
            "limit 100001: must be 1 to 100000, as a log keeps an entry for each call");
  EXPECT_EQ(FaultOf({.algorithm = kFixedWindow, .window = Nanos{0}}),
            "window 0 ms: must be 1 \u00b5s to 100 days");
  EXPECT_EQ(FaultOf({.algorithm = kConcurrency, .ttl = std::chrono::hours(2401)}),
            "ttl 100.042 d: must be 1 \u00b5s to 100 days");
  EXPECT_EQ(FaultOf({.algorithm = kConcurrency, .hold = Nanos{0}}),
            "hold 0 ms: must be 1 \u00b5s to 100 days");
  EXPECT_EQ(FaultOf({.algorithm = kFixedWindow, .month = true}),
            "window month: a month goes by the calendar, so align has to be clock");
}

TEST(Fields, AreReadBackAsTheyAreWritten) {
  for (const AlgorithmKind kind : kAlgorithmKinds) {
    PolicyNumbers numbers = DefaultNumbers(kind);
    numbers.by_clock = true;
    numbers.mode = LeakyBucket::Mode::kShape;
    numbers.hold_kind = HoldKind::kFixed;
    numbers.limit = 77;
    numbers.window = 1500 * kMilli;
    PolicyNumbers read = DefaultNumbers(kind);
    std::string fault;
    for (const Field field : FieldsOf(kind)) {
      ASSERT_TRUE(SetField(read, field, TextOf(numbers, field), fault)) << fault;
    }
    for (const Field field : FieldsOf(kind)) EXPECT_EQ(TextOf(read, field), TextOf(numbers, field));
  }
}

TEST(Fields, RefuseWhatTheyAreNot) {
  EXPECT_EQ(FaultOf(Field::kCapacity, "2.5"),
            "capacity '2.5' is not a whole number, or is too large");
  EXPECT_EQ(FaultOf(Field::kLimit, "99999999999999999999"),
            "limit '99999999999999999999' is not a whole number, or is too large");
  EXPECT_EQ(FaultOf(Field::kLimit, ""), "limit '' is not a whole number, or is too large");
  EXPECT_EQ(FaultOf(Field::kWindow, "soon"),
            "window 'soon' is not a duration like 250ms, 1s, 1m, 1h or 1d");
  EXPECT_EQ(FaultOf(Field::kMode, "form"), "mode 'form' is neither police nor shape");
  EXPECT_EQ(FaultOf(Field::kAlign, "month"), "align 'month' is neither first-request nor clock");
}

TEST(Fields, OnlyAFixedWindowMayBeAMonth) {
  PolicyNumbers numbers = DefaultNumbers(AlgorithmKind::kFixedWindow);
  std::string fault;
  numbers.by_clock = true;
  ASSERT_TRUE(SetField(numbers, Field::kWindow, "month", fault));
  EXPECT_EQ(TextOf(numbers, Field::kWindow), "month");
  EXPECT_EQ(StateTag(Chosen(numbers).algorithm), "fw1.month");
  ASSERT_TRUE(SetField(numbers, Field::kWindow, "2s", fault));
  EXPECT_EQ(StateTag(Chosen(numbers).algorithm), "fw1.2000c");
  numbers.algorithm = AlgorithmKind::kSlidingWindow;
  EXPECT_FALSE(SetField(numbers, Field::kWindow, "month", fault));
}

TEST(Describe, NamesTheAlgorithmAndItsNumbers) {
  using enum AlgorithmKind;
  const auto both = [](const ChosenPolicy& policy) {
    return DescribePolicy(policy) + " / " + DescribeLimit(policy);
  };
  EXPECT_EQ(
      both(Bucket(20, 10, kOneSecond)),
      "Token bucket: capacity 20, refill 10 every 1 s / At most 20 at once, then 10 a second");
  EXPECT_EQ(DescribeLimit(Bucket(3, 3, 60 * kOneSecond)), "At most 3 at once, then 3 a minute");
  EXPECT_EQ(both(Chosen({.algorithm = kGcra, .limit = 10, .burst = 4})),
            "GCRA: limit 10 every 1 s, burst 4 / At most 4 at once, then 10 a second");
  EXPECT_EQ(both(Default(kLeakyBucket)),
            "Leaky bucket: capacity 20, leak 10 every 1 s, police / "
            "At most 20 at once, then 10 a second");
  EXPECT_EQ(both(Chosen({.algorithm = kLeakyBucket, .mode = LeakyBucket::Mode::kShape})),
            "Leaky bucket: capacity 20, leak 10 every 1 s, shape / "
            "At most 20 in the queue, forwarded at 10 a second");
  EXPECT_EQ(both(Default(kFixedWindow)),
            "Fixed window: limit 20, window 2 s, from the first request / "
            "At most 20 in each window, so up to twice that across a boundary");
  EXPECT_EQ(DescribePolicy(Chosen({.algorithm = kFixedWindow, .month = true, .by_clock = true})),
            "Fixed window: limit 20 a calendar month");
  EXPECT_EQ(both(Default(kSlidingWindow)),
            "Sliding window: limit 20, window 2 s / About 20 in any 2 s");
  EXPECT_EQ(both(Default(kSlidingLog)),
            "Sliding log: limit 20, window 2 s / At most 20 in any 2 s, exactly");
  EXPECT_EQ(both(Default(kConcurrency)), "Concurrency: limit 10, ttl 5 s / At most 10 at a time");
  EXPECT_EQ(DescribeDetail(Default(kConcurrency)), "a call holds its slot for 1 s on average");
}

TEST(TimeToShow, IsAFewWindows) {
  EXPECT_EQ(TimeToShow(Default(AlgorithmKind::kTokenBucket)), 10 * kOneSecond);
  EXPECT_EQ(TimeToShow(Chosen(
                {.algorithm = AlgorithmKind::kSlidingLog, .window = std::chrono::minutes(1)})),
            std::chrono::minutes(5));
}

}  // namespace
}  // namespace sluice::sim
