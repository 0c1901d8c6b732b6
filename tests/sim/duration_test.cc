// Durations and amounts as text.
#include "model/duration.h"

#include <gtest/gtest.h>

#include "scenarios.h"

namespace sluice::sim {
namespace {

TEST(ParseDuration, ReadsWhatTheApiReads) {
  EXPECT_EQ(ParseDuration("250ms"), 250 * kMilli);
  EXPECT_EQ(ParseDuration("1s"), kOneSecond);
  EXPECT_EQ(ParseDuration("1.5s"), 1500 * kMilli);
  EXPECT_EQ(ParseDuration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(ParseDuration("1h"), std::chrono::hours(1));
  EXPECT_EQ(ParseDuration("1d"), std::chrono::hours(24));
  EXPECT_EQ(ParseDuration("40"), 40 * kMilli);
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* text : {"", "s", "1x", "1 s", "-1s", "nan", "inf", "1e300d", "1s ", "200000d"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(WriteDuration, IsReadBackAsTheSame) {
  for (const char* text : {"1s", "90s", "250ms", "2m", "1h", "1d"}) {
    EXPECT_EQ(WriteDuration(*ParseDuration(text)), text);
  }
  for (const Nanos span : {Nanos{0}, Nanos{1500}, Nanos{1'234'500'000}, 1001 * kMilli}) {
    EXPECT_EQ(ParseDuration(WriteDuration(span)), span) << WriteDuration(span);
  }
}

TEST(FormatDuration, TakesTheUnitThatSuits) {
  EXPECT_EQ(FormatDuration(Nanos{0}), "0 ms");
  EXPECT_EQ(FormatDuration(Nanos{999}), "999 ns");
  EXPECT_EQ(FormatDuration(60 * kMilli), "60 ms");
  EXPECT_EQ(FormatDuration(1250 * kMilli), "1.25 s");
  EXPECT_EQ(FormatDuration(std::chrono::hours(36)), "1.5 d");
  EXPECT_EQ(FormatDuration(kNever), "never");
  EXPECT_EQ(FormatIn(1'968'927'438 * Nanos{1}, TimeUnit::kMillis, 1), "1,968.9 ms");
}

TEST(FormatTokens, NeverMakesAPartLookWhole) {
  const TatRule rule{20, 100 * kMilli};
  EXPECT_EQ(FormatTokens(rule, 99'999'999 * Nanos{1}), "0.99");
  EXPECT_EQ(FormatTokens(rule, 100 * kMilli), "1.00");
  EXPECT_EQ(FormatTokens(rule, Nanos{1}, true), "0.01");
  EXPECT_EQ(FormatTokens(rule, -150 * kMilli), "-1.50");
  EXPECT_EQ(FormatTokens(rule, Nanos{-1}), "0.00");
  // The longest span that there is does not overflow.
  EXPECT_EQ(FormatTokens({1, kLongestSpan}, kLongestSpan), "1.00");
}

TEST(FormatNumbers, GroupAndCut) {
  EXPECT_EQ(FormatCount(-1'234'567), "-1,234,567");
  EXPECT_EQ(FormatCount(123), "123");
  EXPECT_EQ(FormatNumber(14.0, 3), "14");
  EXPECT_EQ(FormatNumber(1234.5, 2), "1,234.5");
  EXPECT_EQ(FormatShort(9999), "9,999");
  EXPECT_EQ(FormatShort(10'000), "10k");
  EXPECT_EQ(FormatShort(4398046511104.0), "4.4T");
  EXPECT_EQ(FormatSeconds(9'999'999'999 * Nanos{1}), "9.999");
}

}  // namespace
}  // namespace sluice::sim
