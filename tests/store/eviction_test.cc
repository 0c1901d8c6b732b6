// The bound of the memory store, and the keys that it evicts.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "store/memory_under_test.h"
#include "support/policies.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kNow = hours(1);

class Eviction : public ::testing::Test {
 protected:
  MemoryStore::Options Bounded(std::size_t max_keys) {
    MemoryStore::Options options{.max_keys = max_keys};
    for (std::uint8_t& byte : options.seed) {
      byte = static_cast<std::uint8_t>(random_.Between(0, 255));
    }
    return options;
  }
  // New keys, each with one unit of `bucket`.
  void Flood(OnePolicy& bucket, std::int64_t keys, Nanos now) {
    for (std::int64_t i = 0; i < keys; ++i) {
      ASSERT_TRUE(bucket.Take("fresh " + std::to_string(fresh_++), 1, now));
    }
  }

  Random random_{TestSeed()};
  std::int64_t fresh_ = 0;
};

TEST_F(Eviction, NeverHoldsMoreThanMaxKeys) {
  for (const std::size_t max_keys : {1u, 2u, 3u, 17u, 100u, 255u, 256u, 1'000u, 20'000u}) {
    MemoryStore store(Bounded(max_keys));
    OnePolicy bucket(store, BucketPolicy("p", 10, 10, days(100)));
    for (std::size_t i = 0; i < 3 * max_keys + 1'000; ++i) {
      ASSERT_TRUE(bucket.Take("k" + std::to_string(i), 1, kNow));
      ASSERT_LE(store.stats().keys, max_keys);
    }
    EXPECT_EQ(store.stats().keys, max_keys);
    EXPECT_EQ(store.stats().evicted, 2 * max_keys + 1'000);
    EXPECT_LE(store.stats().capacity, 4 * max_keys + 1'024);
  }
}

TEST_F(Eviction, GivesUpNoKeyBeforeItIsFull) {
  MemoryStore store(Bounded(5'000));
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, days(100)));
  Flood(bucket, 5'000, kNow);
  EXPECT_EQ(store.stats().evicted, 0u);
  for (std::int64_t i = 0; i < fresh_; ++i) {
    ASSERT_EQ(bucket.Used("fresh " + std::to_string(i), kNow), 1) << i;
  }
}

// The next table is sized for the keys alive at the later time. Afterwards all of it is held again.
TEST_F(Eviction, AClockThatStepsBackWhileTheTableMovesHoldsNothingUp) {
  MemoryStore store(Bounded(1'000'000));
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, seconds(1)));
  while (store.stats().capacity < 4'000 || store.stats().keys != store.stats().capacity / 4 * 3) {
    Flood(bucket, 1, kNow);
  }
  ASSERT_TRUE(bucket.Take("it moves from here on", 1, kNow + hours(1)));
  const std::int64_t first = fresh_;
  Flood(bucket, 5'000, kNow);
  for (std::int64_t i = first; i < fresh_; ++i) {
    ASSERT_EQ(bucket.Used("fresh " + std::to_string(i), kNow), 1) << i;
  }
  EXPECT_EQ(store.stats().evicted, 0u);
}

TEST_F(Eviction, AFloodOfFreshKeysFreesNoDeniedKey) {
  MemoryStore store(Bounded(1'000));
  // The denied keys have the least backlog of all: only their denial protects them.
  OnePolicy quick(store, BucketPolicy("quick", 1, 1, seconds(10)));
  OnePolicy slow(store, BucketPolicy("slow", 10, 10, seconds(1'000)));
  for (int i = 0; i < 50; ++i) {
    const std::string attacker = "attacker " + std::to_string(i);
    ASSERT_TRUE(slow.Take(attacker, 1, kNow));
    ASSERT_FALSE(slow.Take(attacker, 10, kNow));
    ASSERT_TRUE(quick.Take(attacker, 1, kNow));
    ASSERT_FALSE(quick.Take(attacker, 1, kNow));
  }
  OnePolicy half(store, BucketPolicy("half", 2, 2, seconds(1'000)));
  Flood(half, 100'000, kNow);
  EXPECT_GT(store.stats().evicted, 90'000u);
  for (int i = 0; i < 50; ++i) {
    const std::string attacker = "attacker " + std::to_string(i);
    EXPECT_EQ(slow.Used(attacker, kNow), 1) << attacker;
    EXPECT_FALSE(quick.Take(attacker, 1, kNow)) << attacker;
  }
}

TEST_F(Eviction, AFloodOfFreshKeysFreesNoKeyThatUsedMostOfItsLimit) {
  MemoryStore store(Bounded(1'000));
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, days(100)));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(bucket.Take("heavy " + std::to_string(i), 9, kNow));
  Flood(bucket, 100'000, kNow);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(bucket.Used("heavy " + std::to_string(i), kNow), 9) << i;
}

TEST_F(Eviction, GoesByTheShareOfTheLimitNotByTheTimeToDrain) {
  MemoryStore store(Bounded(1'000));
  OnePolicy quick(store, BucketPolicy("quick", 10, 10, seconds(1)));
  OnePolicy slow(store, BucketPolicy("slow", 10'000, 10'000, days(100)));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(quick.Take("heavy " + std::to_string(i), 9, kNow));
  // 0.0001 of a limit, but 15 minutes to drain, against 0.9 of a limit and 0.9 s.
  Flood(slow, 100'000, kNow);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(quick.Used("heavy " + std::to_string(i), kNow), 9) << i;
}

TEST_F(Eviction, TakesWhatHasExpiredFirst) {
  constexpr std::int64_t kEach = 2'000;
  MemoryStore store(Bounded(2 * kEach));
  OnePolicy brief(store, BucketPolicy("brief", 2, 2, seconds(2)));
  OnePolicy lasting(store, BucketPolicy("lasting", 1'000, 1'000, days(100)));
  for (std::int64_t i = 0; i < kEach; ++i) {
    // The keys that will expire used all of their limit and were denied; the others used hardly
    // any.
    ASSERT_TRUE(brief.Take("brief " + std::to_string(i), 2, kNow));
    ASSERT_FALSE(brief.Take("brief " + std::to_string(i), 2, kNow));
    ASSERT_TRUE(lasting.Take("lasting " + std::to_string(i), 1, kNow));
  }
  ASSERT_EQ(store.stats().evicted, 0u);
  // A quarter of the expired entries is reused, so an expired one is nearly always near.
  Flood(lasting, kEach / 4, kNow + seconds(3));
  EXPECT_LE(store.stats().evicted, 5u);
}

TEST_F(Eviction, ADeniedKeyThatPaysAgainIsAKeyLikeOthers) {
  MemoryStore store(Bounded(1'000));
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, seconds(1'000)));
  int left = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string key = "once denied " + std::to_string(i);
    ASSERT_TRUE(bucket.Take(key, 10, kNow));
    ASSERT_FALSE(bucket.Take(key, 1, kNow));
    // Drained, and charged again with less than the flood's charges.
    ASSERT_TRUE(bucket.Take(key, 1, kNow + seconds(1'000)));
  }
  const Nanos later = kNow + seconds(1'000) + milliseconds(50);
  Flood(bucket, 100'000, later);
  for (int i = 0; i < 50; ++i) {
    left += bucket.Used("once denied " + std::to_string(i), later) > 0 ? 1 : 0;
  }
  EXPECT_LT(left, 25);
}

TEST_F(Eviction, ATableOfOneStillDecides) {
  MemoryStore store(Bounded(1));
  const OnStore both(store, {BucketPolicy("a", 1, 1, days(1)), BucketPolicy("b", 1, 1, days(1))});
  for (int i = 0; i < 1'000; ++i) {
    const std::string key = std::to_string(i);
    EXPECT_TRUE(both.Do(key, CheckOf(1), kNow).allowed);
    // One of its two states was evicted for the other, and the remaining one denies.
    EXPECT_FALSE(both.Do(key, CheckOf(1), kNow).allowed);
    EXPECT_LE(store.stats().keys, 1u);
  }
}

}  // namespace
}  // namespace sluice::testing
