// Numbers that a token bucket accepts and refuses.
#include "core/token_bucket.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t kTwoTo42 = std::int64_t{1} << 42;
constexpr Nanos kTwoTo62{std::int64_t{1} << 62};

struct Case {
  std::string why;
  std::int64_t capacity;
  std::int64_t refill;
  Nanos every;
  PolicyFault fault;      // kNone: accepted
  std::int64_t interval;  // if accepted, in ns
};

const Case kCases[] = {
    {"ten a second", 20, 10, seconds(1), PolicyFault::kNone, 100'000'000},
    {"three a second rounds up by less than a nanosecond", 3, 3, seconds(1), PolicyFault::kNone,
     333'333'334},
    {"40,000,000 a minute", 40'000'000, 40'000'000, minutes(1), PolicyFault::kNone, 1'500},
    {"the smallest of everything", 1, 1, Nanos{1}, PolicyFault::kNone, 1},

    {"no capacity: it admits nothing", 0, 1, seconds(1), PolicyFault::kNone, 1'000'000'000},
    {"a negative capacity", -1, 1, seconds(1), PolicyFault::kCapacity, 0},
    {"the most negative capacity", INT64_MIN, 1, seconds(1), PolicyFault::kCapacity, 0},
    {"2^42 capacity", kTwoTo42, 1, Nanos{1}, PolicyFault::kNone, 1},
    {"2^42 + 1 capacity", kTwoTo42 + 1, 1, Nanos{1}, PolicyFault::kCapacity, 0},
    {"the largest capacity of all", INT64_MAX, 1, Nanos{1}, PolicyFault::kCapacity, 0},

    {"no refill", 1, 0, seconds(1), PolicyFault::kRate, 0},
    {"a negative refill", 1, -5, seconds(1), PolicyFault::kRate, 0},
    {"2^42 refill", 1, kTwoTo42, Nanos{kTwoTo42}, PolicyFault::kNone, 1},
    {"2^42 + 1 refill", 1, kTwoTo42 + 1, Nanos{kTwoTo42 + 1}, PolicyFault::kRate, 0},
    {"the largest refill of all", 1, INT64_MAX, seconds(1), PolicyFault::kRate, 0},

    {"no time", 1, 1, Nanos{0}, PolicyFault::kEvery, 0},
    {"negative time", 1, 1, seconds(-1), PolicyFault::kEvery, 0},
    {"the most negative time", 1, 1, Nanos::min(), PolicyFault::kEvery, 0},
    {"2^62 ns is still computed with: 2^20 ns a token", 1, kTwoTo42, kTwoTo62, PolicyFault::kNone,
     1 << 20},
    {"2^62 ns and the refill next to it: the sum stays within 63 bits", 1, kTwoTo42 - 1, kTwoTo62,
     PolicyFault::kNone, (1 << 20) + 1},
    {"above 2^62 ns", 1, kTwoTo42, kTwoTo62 + Nanos{1}, PolicyFault::kEvery, 0},
    {"never", 1, 1, kNever, PolicyFault::kEvery, 0},

    // One token in ceil(every / refill): slower by (I*R - P) / (I*R).
    {"I*R = 100 for 99: exactly 1 % slower", 1, 100, Nanos{99}, PolicyFault::kNone, 1},
    {"I*R = 100 for 98: 2 %", 1, 100, Nanos{98}, PolicyFault::kRateRounding, 0},
    {"I*R = 2,000 for 1,980: exactly 1 %", 1, 1'000, Nanos{1'980}, PolicyFault::kNone, 2},
    {"I*R = 2,000 for 1,979: 1.05 %", 1, 1'000, Nanos{1'979}, PolicyFault::kRateRounding, 0},
    {"1,010,101,010 a second for 1e9: 1 % less a third of a billionth", 1, 1'010'101'010,
     seconds(1), PolicyFault::kNone, 1},
    {"1,010,101,011 a second for 1e9: just above 1 %", 1, 1'010'101'011, seconds(1),
     PolicyFault::kRateRounding, 0},
    {"far more tokens than nanoseconds", 1, kTwoTo42, Nanos{1}, PolicyFault::kRateRounding, 0},
    {"I = 100 for 99.01: rounding costs 0.99 %", 1, 100, Nanos{9'901}, PolicyFault::kNone, 100},

    {"a full refill of exactly 100 days", 100, 1, days(1), PolicyFault::kNone, 86'400'000'000'000},
    {"one token more", 101, 1, days(1), PolicyFault::kRefillTooLong, 0},
    {"one nanosecond a token more", 100, 1, days(1) + Nanos{1}, PolicyFault::kRefillTooLong, 0},
    {"one token in exactly 100 days", 1, 1, days(100), PolicyFault::kNone, 8'640'000'000'000'000},
    {"one token in a nanosecond more", 1, 1, days(100) + Nanos{1}, PolicyFault::kRefillTooLong, 0},
    {"2^42 at 1,964 ns: 99.97 days", kTwoTo42, 1, Nanos{1'964}, PolicyFault::kNone, 1'964},
    {"2^42 at 1,965 ns: 100.03 days", kTwoTo42, 1, Nanos{1'965}, PolicyFault::kRefillTooLong, 0},
    {"2^42 at 2^62 ns: the product would overflow", kTwoTo42, 1, kTwoTo62,
     PolicyFault::kRefillTooLong, 0},
    {"99 days", 99, 99, days(99), PolicyFault::kNone, 86'400'000'000'000},
};

TEST(TokenBucketMake, TakesOrRefuses) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    PolicyFault fault = c.fault == PolicyFault::kNone ? PolicyFault::kEvery : PolicyFault::kNone;
    const auto bucket = TokenBucket::Make(c.capacity, c.refill, c.every, fault);
    EXPECT_EQ(static_cast<int>(fault), static_cast<int>(c.fault));
    ASSERT_EQ(bucket.has_value(), c.fault == PolicyFault::kNone);
    if (!bucket) continue;
    EXPECT_EQ(bucket->rule().capacity, c.capacity);
    EXPECT_EQ(bucket->rule().interval.count(), c.interval);
    EXPECT_EQ(bucket->refill(), c.refill);
    EXPECT_EQ(bucket->every(), c.every);
    EXPECT_LE(bucket->rule().Span(), kLongestSpan);
  }
}

TEST(TokenBucketMake, RoundsTheIntervalUpSoThatTheRateIsNeverExceeded) {
  for (std::int64_t refill = 1; refill <= 2'000; ++refill) {
    const TokenBucket bucket = Bucket(1, refill, seconds(1));
    EXPECT_GE(bucket.rule().interval * refill, seconds(1)) << refill;
    EXPECT_LT((bucket.rule().interval - Nanos{1}) * refill, seconds(1)) << refill;
  }
}

TEST(TokenBucketEquality, AsksForTheSameStateAndPaceHoweverTheyWereWritten) {
  EXPECT_EQ(Bucket(20, 10, seconds(1)), Bucket(20, 600, minutes(1)));
  EXPECT_FALSE(Bucket(20, 10, seconds(1)) == Bucket(21, 10, seconds(1)));
  EXPECT_FALSE(Bucket(20, 10, seconds(1)) == Bucket(20, 11, seconds(1)));
  EXPECT_FALSE(Bucket(20, 10, seconds(1)) == Bucket(20, 10, hours(1)));
}

}  // namespace
}  // namespace sluice::testing
