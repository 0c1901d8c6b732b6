// Fields are read, written and refused by name.
#include "model/policy_numbers.h"

#include <gtest/gtest.h>

#include "model/describe.h"
#include "scenarios.h"

namespace sluice::sim {
namespace {

std::string FaultOf(const AlgorithmInfo& info, FieldTexts texts) {
  std::string fault;
  EXPECT_FALSE(MakePolicy(Numbers(info, texts), fault));
  return fault;
}

std::string TextFaultOf(const AlgorithmInfo& info, std::string_view field, std::string_view text) {
  PolicyNumbers numbers(info);
  std::string fault;
  EXPECT_FALSE(SetField(numbers, *FieldNamed(info, field), text, fault)) << text;
  return fault;
}

TEST(MakePolicy, MakesTheAlgorithmThatIsNamed) {
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    const AlgorithmInfo* info = kAlgorithms[i];
    const ChosenPolicy policy = Chosen(*info);
    EXPECT_EQ(policy.algorithm.index(), i);  // in the order of core's list
    std::visit([&](const auto& a) { EXPECT_EQ(a.kName, info->name); }, policy.algorithm);
    EXPECT_EQ(AlgorithmNamed(info->name), info);
    EXPECT_EQ(policy.limit(), info == &kGcraInfo || info == &kConcurrencyInfo ? 10 : 20);
  }
  EXPECT_EQ(AlgorithmNamed("leakybucket"), nullptr);
}

TEST(MakePolicy, SaysWhichNumberIsWrong) {
  std::string fault;
  EXPECT_TRUE(MakePolicy(PolicyNumbers(kTokenBucketInfo), fault));
  EXPECT_EQ(fault, "");
  EXPECT_EQ(FaultOf(kTokenBucketInfo, {{"capacity", "0"}}),
            "capacity 0: must be 1 to 4398046511104");
  EXPECT_EQ(FaultOf(kTokenBucketInfo, {{"refill", "-4"}}), "refill -4: must be 1 to 4398046511104");
  EXPECT_EQ(FaultOf(kTokenBucketInfo, {{"every", "0"}}),
            "every 0 ms: must be above 0 and below 146 years");
  EXPECT_EQ(FaultOf(kTokenBucketInfo, {{"capacity", "101"}, {"refill", "1"}, {"every", "1d"}}),
            "capacity 101 with refill 1 every 1 d: a full refill takes more than 100 days");
  EXPECT_TRUE(FaultOf(kTokenBucketInfo, {{"refill", "900000000"}})
                  .starts_with("refill 900000000 every 1 s: too fast"));
  EXPECT_TRUE(FaultOf(kGcraInfo, {{"limit", "0"}}).starts_with("limit 0: must be 1 to"));
  EXPECT_TRUE(FaultOf(kGcraInfo, {{"burst", "0"}}).starts_with("burst 0: must be 1 to"));
  EXPECT_TRUE(FaultOf(kLeakyBucketInfo, {{"leak", "0"}}).starts_with("leak 0: must be 1 to"));
  for (const AlgorithmInfo* info :
       {&kFixedWindowInfo, &kSlidingWindowInfo, &kSlidingLogInfo, &kConcurrencyInfo}) {
    EXPECT_TRUE(FaultOf(*info, {{"limit", "0"}}).starts_with("limit 0: must be 1 to"));
  }
  EXPECT_EQ(FaultOf(kSlidingLogInfo, {{"limit", "100001"}}),
            "limit 100001: must be 1 to 100000, as a log keeps an entry for each call");
  EXPECT_EQ(FaultOf(kFixedWindowInfo, {{"window", "0"}}),
            "window 0 ms: must be 1 \u00b5s to 100 days");
  EXPECT_EQ(FaultOf(kConcurrencyInfo, {{"ttl", "2401h"}}),
            "ttl 100.042 d: must be 1 \u00b5s to 100 days");
  EXPECT_EQ(FaultOf(kConcurrencyInfo, {{"hold", "0"}}), "hold 0 ms: must be 1 \u00b5s to 100 days");
  EXPECT_EQ(FaultOf(kFixedWindowInfo, {{"window", "month"}}),
            "window month: a month goes by the calendar, so align has to be clock");
}

TEST(Fields, AreReadBackAsTheyAreWritten) {
  for (const AlgorithmInfo* info : kAlgorithms) {
    PolicyNumbers numbers(*info);
    for (const Field& field : info->fields) ++numbers[field.name];  // not the default
    PolicyNumbers read(*info);
    std::string fault;
    for (const Field& field : info->fields) {
      ASSERT_TRUE(SetField(read, field, TextOf(numbers, field), fault)) << fault;
      EXPECT_EQ(read[field.name], numbers[field.name]) << field.name;
    }
  }
}

TEST(Fields, RefuseWhatTheyAreNot) {
  EXPECT_EQ(TextFaultOf(kTokenBucketInfo, "capacity", "2.5"),
            "capacity '2.5' is not a whole number, or is too large");
  EXPECT_EQ(TextFaultOf(kGcraInfo, "limit", "99999999999999999999"),
            "limit '99999999999999999999' is not a whole number, or is too large");
  EXPECT_EQ(TextFaultOf(kGcraInfo, "limit", ""), "limit '' is not a whole number, or is too large");
  EXPECT_EQ(TextFaultOf(kSlidingLogInfo, "window", "soon"),
            "window 'soon' is not a duration like 250ms, 1s, 1m, 1h or 1d");
  EXPECT_EQ(TextFaultOf(kLeakyBucketInfo, "mode", "form"),
            "mode 'form' is neither police nor shape");
  EXPECT_EQ(TextFaultOf(kFixedWindowInfo, "align", "month"),
            "align 'month' is neither first-request nor clock");
}

TEST(Fields, OnlyAFixedWindowMayBeAMonth) {
  PolicyNumbers numbers = Numbers(kFixedWindowInfo, {{"window", "month"}, {"align", "clock"}});
  const Field& window = *FieldNamed(kFixedWindowInfo, "window");
  EXPECT_EQ(TextOf(numbers, window), "month");
  EXPECT_EQ(StateTag(Chosen(numbers).algorithm), "fw1.month");
  std::string fault;
  ASSERT_TRUE(SetField(numbers, window, "2s", fault));
  EXPECT_EQ(StateTag(Chosen(numbers).algorithm), "fw1.2000c");
  for (const AlgorithmInfo* info : {&kSlidingWindowInfo, &kSlidingLogInfo}) {
    EXPECT_EQ(TextFaultOf(*info, "window", "month"),
              "window 'month' is not a duration like 250ms, 1s, 1m, 1h or 1d");
  }
}

TEST(Describe, NamesTheAlgorithmAndItsNumbers) {
  const auto both = [](const ChosenPolicy& policy) {
    return DescribePolicy(policy) + " / " + policy.info().limit(policy);
  };
  EXPECT_EQ(
      both(Bucket(20, 10, kOneSecond)),
      "Token bucket: capacity 20, refill 10 every 1 s / At most 20 at once, then 10 a second");
  EXPECT_EQ(kTokenBucketInfo.limit(Bucket(3, 3, 60 * kOneSecond)),
            "At most 3 at once, then 3 a minute");
  EXPECT_EQ(both(Chosen(kGcraInfo, {{"burst", "4"}})),
            "GCRA: limit 10 every 1 s, burst 4 / At most 4 at once, then 10 a second");
  EXPECT_EQ(both(Chosen(kLeakyBucketInfo)),
            "Leaky bucket: capacity 20, leak 10 every 1 s, police / "
            "At most 20 at once, then 10 a second");
  EXPECT_EQ(both(Chosen(kLeakyBucketInfo, {{"mode", "shape"}})),
            "Leaky bucket: capacity 20, leak 10 every 1 s, shape / "
            "At most 20 in the queue, forwarded at 10 a second");
  EXPECT_EQ(both(Chosen(kFixedWindowInfo)),
            "Fixed window: limit 20, window 2 s, from the first request / "
            "At most 20 in each window, so up to twice that across a boundary");
  EXPECT_EQ(DescribePolicy(Chosen(kFixedWindowInfo, {{"window", "month"}, {"align", "clock"}})),
            "Fixed window: limit 20 a calendar month");
  EXPECT_EQ(both(Chosen(kSlidingWindowInfo)),
            "Sliding window: limit 20, window 2 s / About 20 in any 2 s");
  EXPECT_EQ(both(Chosen(kSlidingLogInfo)),
            "Sliding log: limit 20, window 2 s / At most 20 in any 2 s, exactly");
  EXPECT_EQ(both(Chosen(kConcurrencyInfo)),
            "Concurrency: limit 10, ttl 5 s / At most 10 at a time");
  EXPECT_EQ(kConcurrencyInfo.detail(Chosen(kConcurrencyInfo)),
            "a call holds its slot for 1 s on average");
}

TEST(TimeToShow, IsAFewWindows) {
  EXPECT_EQ(TimeToShow(Chosen(kTokenBucketInfo)), 10 * kOneSecond);
  EXPECT_EQ(TimeToShow(Chosen(kSlidingLogInfo, {{"window", "1m"}})), std::chrono::minutes(5));
}

}  // namespace
}  // namespace sluice::sim
