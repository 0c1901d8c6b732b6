// States larger than one word, on one thread: growth, the bound, and eviction.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "store/memory_under_test.h"
#include "support/policies.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kNow = hours(1);
constexpr auto kFirst = FixedWindow::Align::kFirstRequest;

std::string Name(std::int64_t i) { return "key " + std::to_string(i); }

Policy FixedPolicy(std::string name, std::int64_t limit, Nanos window) {
  return {.name = std::move(name), .algorithm = Fixed(limit, window, kFirst)};
}
Policy SlidingPolicy(std::string name, std::int64_t limit, Nanos window) {
  return {.name = std::move(name), .algorithm = Sliding(limit, window)};
}
Policy LogPolicy(std::string name, std::int64_t limit, Nanos window) {
  return {.name = std::move(name), .algorithm = Log(limit, window)};
}
Policy SlotsPolicy(std::string name, std::int64_t limit, Nanos ttl) {
  return {.name = std::move(name), .algorithm = Slots(limit, ttl)};
}

// The same test under each algorithm whose state is large.
class EachWide : public ::testing::TestWithParam<Policy> {
 protected:
  static MemoryStore::Options Bounded(std::size_t max_keys) { return {.max_keys = max_keys}; }
  bool slots() const { return std::holds_alternative<Concurrency>(GetParam().algorithm); }
};

INSTANTIATE_TEST_SUITE_P(Wide, EachWide,
                         ::testing::Values(FixedPolicy("fixed", 100, days(1)),
                                           SlidingPolicy("sliding", 100, days(1)),
                                           LogPolicy("log", 100, days(1)),
                                           SlotsPolicy("slots", 100, days(1))),
                         [](const auto& of) { return of.param.name; });

TEST_P(EachWide, GrowthKeepsEveryKeysState) {
  constexpr std::int64_t kKeys = 60'000;
  Random random(TestSeed());
  MemoryStore store(Bounded(1'000'000));
  OnePolicy limited(store, GetParam());
  const auto cost_of = [this](std::int64_t i) { return slots() ? 1 : 1 + i % 100; };
  for (std::int64_t i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(limited.Take(Name(i), cost_of(i), kNow)) << i;
    const std::int64_t other = random.Between(0, i);
    ASSERT_EQ(limited.Used(Name(other), kNow), cost_of(other)) << other << " after " << i;
  }
  for (std::int64_t i = 0; i < kKeys; ++i) {
    ASSERT_EQ(limited.Used(Name(i), kNow), cost_of(i)) << i;
  }
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(kKeys));
  EXPECT_EQ(store.stats().evicted, 0u);
}

// A small store is one stripe: all entries of a check are in the same small table.
TEST(RecordTable, ACheckEntersUnderAllItsPoliciesAtOnce) {
  constexpr Nanos kAt = hours(1);
  for (std::size_t count = 1; count <= kMaxPolicies; ++count) {
    MemoryStore store({.max_keys = 1'000});
    std::vector<Policy> policies;
    for (std::size_t i = 0; i < count; ++i) {
      policies.push_back(FixedPolicy("p" + std::to_string(i), 100, days(1)));
    }
    const OnStore all(store, policies);
    for (std::int64_t key = 0; key < 50; ++key) {
      ASSERT_TRUE(all.Do(Name(key), CheckOf(1), kAt).allowed);
    }
    EXPECT_EQ(store.stats().keys, 50 * count);
  }
}

TEST_P(EachWide, HoldsMaxKeysAndNotOneMore) {
  for (const std::size_t max_keys : {1u, 2u, 10u, 100u, 1'000u, 5'000u}) {
    MemoryStore store(Bounded(max_keys));
    OnePolicy limited(store, GetParam());
    for (std::size_t i = 0; i < max_keys; ++i) {
      ASSERT_TRUE(limited.Take("k" + std::to_string(i), 1, kNow));
    }
    EXPECT_EQ(store.stats().evicted, 0u) << max_keys;
    for (std::size_t i = 0; i < max_keys; ++i) {
      ASSERT_EQ(limited.Used("k" + std::to_string(i), kNow), 1) << i << " of " << max_keys;
    }
    for (std::size_t i = 0; i < max_keys + 500; ++i) {
      ASSERT_TRUE(limited.Take("more " + std::to_string(i), 1, kNow));
      ASSERT_EQ(store.stats().keys, max_keys);
    }
    EXPECT_EQ(store.stats().evicted, max_keys + 500);
  }
}

TEST_P(EachWide, SharesTheBoundWithTheTats) {
  MemoryStore store(Bounded(1'000));
  OnePolicy wide(store, GetParam());
  OnePolicy tats(store, BucketPolicy("tats", 100, 100, days(1)));
  for (std::int64_t i = 0; i < 500; ++i) {
    ASSERT_TRUE(wide.Take(Name(i), 1, kNow));
    ASSERT_TRUE(tats.Take(Name(i), 1, kNow));
  }
  EXPECT_EQ(store.stats().evicted, 0u);
  for (std::int64_t i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(wide.Take("more wide " + std::to_string(i), 1, kNow));
    ASSERT_TRUE(tats.Take("more tats " + std::to_string(i), 1, kNow));
    ASSERT_LE(store.stats().keys, 1'000u);
  }
  EXPECT_EQ(store.stats().evicted, 10'000u);
}

TEST_P(EachWide, GivesUpWhatHasUsedLessWhicheverTableItIsIn) {
  for (const bool flood_is_wide : {true, false}) {
    MemoryStore store(Bounded(1'000));
    OnePolicy wide(store, GetParam());
    OnePolicy tats(store, BucketPolicy("tats", 100, 100, days(1)));
    OnePolicy& heavy = flood_is_wide ? tats : wide;
    OnePolicy& flood = flood_is_wide ? wide : tats;
    const std::int64_t keys = slots() ? 20 : 500;  // each list of 50 slots counts as 25
    for (std::int64_t i = 0; i < keys * 50; ++i) ASSERT_TRUE(heavy.Take(Name(i % keys), 1, kNow));
    for (std::int64_t i = 0; i < 10'000; ++i) {
      ASSERT_TRUE(flood.Take("fresh " + std::to_string(i), 1, kNow));
    }
    int left = 0;
    for (std::int64_t i = 0; i < keys; ++i) left += heavy.Used(Name(i), kNow) == 50 ? 1 : 0;
    EXPECT_EQ(left, keys) << (flood_is_wide ? "TATs" : "wide ones");
  }
}

TEST_P(EachWide, WhenOnlyTheOtherTableHasAnythingThatIsGivenUp) {
  MemoryStore store(Bounded(100));
  OnePolicy wide(store, GetParam());
  OnePolicy tats(store, BucketPolicy("tats", 100, 100, days(1)));
  for (std::int64_t i = 0; i < 100; ++i) ASSERT_TRUE(tats.Take(Name(i), 1, kNow));
  ASSERT_TRUE(wide.Take("k", 1, kNow));
  EXPECT_EQ(store.stats().keys, 100u);
  EXPECT_EQ(wide.Used("k", kNow), 1);
  MemoryStore other(Bounded(100));
  OnePolicy other_wide(other, GetParam());
  OnePolicy other_tats(other, BucketPolicy("tats", 100, 100, days(1)));
  for (std::int64_t i = 0; i < 100; ++i) ASSERT_TRUE(other_wide.Take(Name(i), 1, kNow));
  ASSERT_TRUE(other_tats.Take("k", 1, kNow));
  EXPECT_EQ(other.stats().keys, 100u);
  EXPECT_EQ(other_tats.Used("k", kNow), 1);
}

TEST_P(EachWide, TakesWhatHasExpiredFirstInEitherTable) {
  MemoryStore store(Bounded(4'000));
  OnePolicy wide(store, GetParam());
  OnePolicy brief(store, BucketPolicy("brief", 2, 2, seconds(2)));
  for (std::int64_t i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(brief.Take(Name(i), 2, kNow));
    ASSERT_FALSE(brief.Take(Name(i), 2, kNow));
    ASSERT_TRUE(wide.Take(Name(i), 1, kNow));
  }
  for (std::int64_t i = 0; i < 500; ++i) {
    ASSERT_TRUE(wide.Take("more " + std::to_string(i), 1, kNow + seconds(3)));
  }
  EXPECT_LE(store.stats().evicted, 5u);
}

TEST_P(EachWide, PeekingDenyingForEverAndCostZeroTakeNoRoom) {
  MemoryStore store(Bounded(1'000));
  OnePolicy limited(store, GetParam());
  for (std::int64_t i = 0; i < 5'000; ++i) {
    EXPECT_EQ(limited.Remaining(Name(i), kNow), 100);
    EXPECT_TRUE(limited.Take(Name(i), 0, kNow));
    if (slots()) continue;  // a slot counts as one at any cost
    EXPECT_FALSE(limited.Take(Name(i), 101, kNow));
  }
  EXPECT_EQ(store.stats().keys, 0u);
  EXPECT_EQ(store.stats().evicted, 0u);
}

TEST_P(EachWide, ResetMakesRoom) {
  MemoryStore store(Bounded(1'000));
  OnePolicy limited(store, GetParam());
  for (std::int64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(limited.Take(Name(i), 1, kNow));
    ASSERT_EQ(store.stats().keys, 1u);
    limited.Reset(Name(i));
    ASSERT_EQ(store.stats().keys, 0u);
  }
  EXPECT_EQ(store.stats().evicted, 0u);
}

TEST(RecordTable, WhatHasExpiredMakesRoom) {
  // A stream of keys that live for a second each, 1,000 of them at a time.
  MemoryStore store({.max_keys = 100'000});
  OnePolicy window(store, FixedPolicy("fixed", 10, seconds(1)));
  OnePolicy log(store, LogPolicy("log", 10, seconds(1)));
  Nanos now = kNow;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    now += milliseconds(1);
    ASSERT_TRUE(window.Take(Name(i), 1, now));
    ASSERT_TRUE(log.Take(Name(i), 1, now));
  }
  EXPECT_EQ(store.stats().evicted, 0u);
  EXPECT_LT(store.stats().capacity, 20'000u);
}

TEST(RecordTable, AFloodFreesNoKeyThatUsedMostOfItsLimit) {
  MemoryStore store({.max_keys = 1'000});
  OnePolicy fixed(store, FixedPolicy("fixed", 10, days(1)));
  OnePolicy sliding(store, SlidingPolicy("sliding", 10, days(1)));
  OnePolicy log(store, LogPolicy("log", 10, days(1)));
  OnePolicy flood(store, FixedPolicy("flood", 1'000'000, days(100)));
  OnePolicy tats(store, BucketPolicy("tats", 1'000'000, 1'000'000, days(100)));
  for (int i = 0; i < 30; ++i) {
    for (OnePolicy* heavy : {&fixed, &sliding, &log}) ASSERT_TRUE(heavy->Take(Name(i), 9, kNow));
  }
  for (std::int64_t i = 0; i < 30'000; ++i) {
    // More units than the heavy keys, and for longer, but a smaller share of the limit.
    ASSERT_TRUE(flood.Take("fresh " + std::to_string(i), 100'000, kNow));
    ASSERT_TRUE(tats.Take("fresh " + std::to_string(i), 100'000, kNow));
  }
  for (int i = 0; i < 30; ++i) {
    for (OnePolicy* heavy : {&fixed, &sliding, &log}) EXPECT_EQ(heavy->Used(Name(i), kNow), 9) << i;
  }
}

TEST(RecordTable, ADeniedKeyThatPaysAgainIsAKeyLikeOthers) {
  MemoryStore store({.max_keys = 1'000});
  OnePolicy window(store, FixedPolicy("fixed", 10, seconds(10)));
  const Nanos later = kNow + seconds(10);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(window.Take("once " + std::to_string(i), 10, kNow));
    ASSERT_FALSE(window.Take("once " + std::to_string(i), 1, kNow));
    ASSERT_TRUE(window.Take("once " + std::to_string(i), 1, later));
  }
  OnePolicy flood(store, FixedPolicy("flood", 10, seconds(10)));
  for (int i = 0; i < 50'000; ++i) ASSERT_TRUE(flood.Take(std::to_string(i), 2, later));
  int left = 0;
  for (int i = 0; i < 50; ++i) {
    left += window.Used("once " + std::to_string(i), later) > 0 ? 1 : 0;
  }
  EXPECT_LT(left, 25);
}

TEST(RecordTable, ALogGrowsToItsLimitAndCountsAsHalfAsManyKeys) {
  constexpr std::int64_t kLimit = kLargestLogLimit;
  MemoryStore store({.max_keys = 1'000'000});
  OnePolicy log(store, LogPolicy("log", kLimit, seconds(1)));
  Nanos now = kNow;
  for (std::int64_t i = 0; i < kLimit; ++i) {
    ASSERT_TRUE(log.Take("k", 1, now));
    now += microseconds(1);
  }
  EXPECT_FALSE(log.Take("k", 1, now));
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(kLimit / 2));
  EXPECT_EQ(store.stats().evicted, 0u);
  // Calls in different µs leave in that order.
  now = kNow + seconds(1);
  EXPECT_TRUE(log.Take("k", 1, now));
  EXPECT_FALSE(log.Take("k", 1, now));
  EXPECT_TRUE(log.Take("k", 1, now + microseconds(1)));
  // All but one have left; the next charge counts one again.
  now += seconds(1);
  EXPECT_TRUE(log.Take("k", 1, now));
  EXPECT_EQ(store.stats().keys, 1u);
  log.Reset("k");
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(RecordTable, LongLogsTakeTheRoomOfOthers) {
  MemoryStore store({.max_keys = 1'000});
  OnePolicy log(store, LogPolicy("log", 1'000, days(1)));
  OnePolicy window(store, FixedPolicy("fixed", 10, days(1)));
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(window.Take(Name(i), 1, kNow));
  Nanos now = kNow;
  for (int i = 0; i < 1'000; ++i) {
    now += microseconds(1);
    ASSERT_TRUE(log.Take("k", 1, now));
    ASSERT_LE(store.stats().keys, 1'000u);
  }
  EXPECT_EQ(log.Used("k", now), 1'000);
  int left = 0;
  for (int i = 0; i < 1'000; ++i) left += window.Used(Name(i), now) > 0 ? 1 : 0;
  EXPECT_EQ(left, 500);
}

TEST(RecordTable, ALogThatOutweighsTheBoundIsStillExact) {
  MemoryStore store({.max_keys = 10});
  OnePolicy log(store, LogPolicy("log", 1'000, days(1)));
  Nanos now = kNow;
  for (int i = 0; i < 1'000; ++i) {
    now += microseconds(1);
    ASSERT_TRUE(log.Take("k", 1, now)) << i;
  }
  EXPECT_FALSE(log.Take("k", 1, now));
  EXPECT_EQ(store.stats().evicted, 0u);
}

TEST(RecordTable, SlotsGrowToTheirLimitAndAreFreeWhenReleased) {
  constexpr std::int64_t kLimit = 20'000;
  MemoryStore store({.max_keys = 1'000'000});
  OnePolicy slots(store, SlotsPolicy("slots", kLimit, days(1)));
  const auto holder = [](std::int64_t i) {
    return HolderId{.high = 1, .low = static_cast<std::uint64_t>(i)};
  };
  for (std::int64_t i = 0; i < kLimit; ++i) ASSERT_TRUE(slots.Take("k", 1, kNow, holder(i)));
  ASSERT_FALSE(slots.Take("k", 1, kNow, holder(kLimit)));
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(kLimit / 2));
  for (std::int64_t i = 0; i < kLimit; ++i) {
    ASSERT_TRUE(slots.Release("k", holder((i * 7) % kLimit), kNow)) << i;
  }
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(RecordTable, WindowsOfTheClockFollowTheOffset) {
  // The store's clock reads 100 s at 1970 plus 1,000,000,005 s: 5 s into a window of 10 s.
  MemoryStore store({.max_keys = 10, .wall_offset = seconds(999'999'905)});
  OnePolicy window(
      store, {.name = "clock", .algorithm = Fixed(5, seconds(10), FixedWindow::Align::kClock)});
  ASSERT_TRUE(window.Take("k", 5, seconds(100)));
  EXPECT_EQ(window.Look("k", 1, seconds(100)).retry_after, seconds(5));
  EXPECT_TRUE(window.Take("k", 1, seconds(105)));
}

}  // namespace
}  // namespace sluice::testing
