// The memory store on one thread: the contract, hashing, growth, and counts.
#include "store/memory_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "store/memory_under_test.h"
#include "support/policies.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

constexpr Nanos kNow = hours(1);

MemoryStore::Seed SeedOf(Random& random) {
  MemoryStore::Seed seed;
  for (std::uint8_t& byte : seed) byte = static_cast<std::uint8_t>(random.Between(0, 255));
  return seed;
}

std::string Name(std::int64_t i) { return "key " + std::to_string(i); }

std::unique_ptr<StoreUnderTest> MakeMemoryUnderTest() {
  return std::make_unique<MemoryUnderTest>(MemoryStore::Options{}, true);
}
// Makes all calls take the general path, even those with a quick one.
std::unique_ptr<StoreUnderTest> MakeGeneralMemoryUnderTest() {
  return std::make_unique<MemoryUnderTest>(MemoryStore::Options{}, false);
}
// A store whose bound is just above the contract's needs.
std::unique_ptr<StoreUnderTest> MakeSmallMemoryUnderTest() {
  return std::make_unique<MemoryUnderTest>(MemoryStore::Options{.max_keys = 40}, true);
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&MakeMemoryUnderTest));
INSTANTIATE_TEST_SUITE_P(General, StoreContract, ::testing::Values(&MakeGeneralMemoryUnderTest));
INSTANTIATE_TEST_SUITE_P(SmallMemory, StoreContract, ::testing::Values(&MakeSmallMemoryUnderTest));

TEST(MemoryStoreHash, IsSipHash24) {
  // The example of the paper (Aumasson and Bernstein, "SipHash", 2012, appendix A).
  MemoryStore::Options options{.max_keys = 1};
  std::string input;
  for (std::uint8_t i = 0; i < 16; ++i) options.seed[i] = i;
  for (char c = 0; c < 15; ++c) input.push_back(c);
  EXPECT_EQ(MemoryStore(options).Hash(input).bits, 0xa129ca6149be45e5u);
}

TEST(MemoryStoreHash, DependsOnTheSeed) {
  Random random(TestSeed());
  const MemoryStore a({.max_keys = 1, .seed = SeedOf(random)});
  const MemoryStore b({.max_keys = 1, .seed = SeedOf(random)});
  EXPECT_NE(a.Hash("key").bits, b.Hash("key").bits);
  EXPECT_EQ(a.Hash("key").bits, a.Hash("key").bits);
  EXPECT_NE(a.Hash("key").bits, a.Hash("kez").bits);
  EXPECT_NE(a.Hash("").bits, a.Hash(std::string(1, '\0')).bits);
}

TEST(MemoryStore, GrowthKeepsEveryKeysState) {
  constexpr std::int64_t kKeys = 150'000;
  Random random(TestSeed());
  MemoryStore store({.max_keys = 1'000'000, .seed = SeedOf(random)});
  OnePolicy bucket(store, BucketPolicy("p", 100, 100, days(100)));
  const auto cost_of = [](std::int64_t i) { return 1 + i % 100; };
  for (std::int64_t i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(bucket.Take(Name(i), cost_of(i), kNow)) << i;
    ASSERT_EQ(bucket.Used(Name(i), kNow), cost_of(i)) << i;
    // An earlier key, wherever the move has got to.
    const std::int64_t other = random.Between(0, i);
    ASSERT_EQ(bucket.Used(Name(other), kNow), cost_of(other)) << other << " after " << i;
    if (i % 100 != 0) continue;
    ASSERT_EQ(store.stats().keys, static_cast<std::size_t>(i + 1));
  }
  for (std::int64_t i = 0; i < kKeys; ++i) {
    ASSERT_EQ(bucket.Used(Name(i), kNow), cost_of(i)) << i;
    ASSERT_FALSE(bucket.Take(Name(i), 101 - cost_of(i), kNow)) << i;
    ASSERT_TRUE(bucket.Take(Name(i), 100 - cost_of(i), kNow)) << i;
  }
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(kKeys));
  EXPECT_EQ(store.stats().evicted, 0u);
  EXPECT_GE(store.stats().capacity, static_cast<std::size_t>(kKeys));
}

TEST(MemoryStore, StartsSmall) {
  const MemoryStore store({.max_keys = std::size_t{1} << 32});
  EXPECT_LE(store.stats().capacity, 4'096u);
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(MemoryStore, WhatHasExpiredMakesRoom) {
  // A stream of keys that live for a second each, 1,000 of them at a time.
  MemoryStore store({.max_keys = 100'000});
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, seconds(10)));
  Nanos now = kNow;
  for (std::int64_t i = 0; i < 200'000; ++i) {
    now += std::chrono::milliseconds(1);
    ASSERT_TRUE(bucket.Take(Name(i), 1, now));
  }
  EXPECT_EQ(store.stats().evicted, 0u);
  EXPECT_LT(store.stats().capacity, 20'000u);
}

TEST(MemoryStore, PeekingAndDenyingTakeNoRoom) {
  MemoryStore store({.max_keys = 1'000});
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, seconds(1)));
  for (std::int64_t i = 0; i < 10'000; ++i) {
    EXPECT_EQ(bucket.Remaining(Name(i), kNow), 10);
    EXPECT_TRUE(bucket.Take(Name(i), 0, kNow));
    EXPECT_FALSE(bucket.Take(Name(i), 11, kNow));
  }
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(MemoryStore, ResetMakesRoom) {
  MemoryStore store({.max_keys = 1'000});
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, days(100)));
  for (std::int64_t i = 0; i < 50'000; ++i) {
    ASSERT_TRUE(bucket.Take(Name(i), 10, kNow));
    ASSERT_EQ(store.stats().keys, 1u);
    bucket.Reset(Name(i));
    ASSERT_EQ(store.stats().keys, 0u);
  }
  EXPECT_EQ(store.stats().evicted, 0u);
  EXPECT_LT(store.stats().capacity, 4'096u);
}

TEST(MemoryStore, AKeyMayBeResetAndChargedForEver) {
  MemoryStore store({.max_keys = 10});
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, days(100)));
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(bucket.Take("k", 10, kNow));
    ASSERT_FALSE(bucket.Take("k", 1, kNow));
    bucket.Reset("k");
  }
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(MemoryStore, TimeZeroIsATimeLikeAnyOther) {
  MemoryStore store({.max_keys = 10});
  OnePolicy bucket(store, BucketPolicy("p", 2, 2, Nanos{2}));
  EXPECT_TRUE(bucket.Take("k", 2, Nanos{0}));
  EXPECT_FALSE(bucket.Take("k", 1, Nanos{0}));
  EXPECT_EQ(bucket.Remaining("k", Nanos{1}), 1);
  EXPECT_EQ(bucket.Remaining("k", Nanos{2}), 2);
}

// A JavaScript number holds 53 bits of a mark; a clock that counts from 1970 needs 61.
TEST(MemoryStore, MarksAreKnownByTheirLowerBits) {
  constexpr std::int64_t kMask = (std::int64_t{1} << 53) - 1;
  // Just before and after a multiple of 2^53 ns, and far from one.
  for (const Nanos now : {Nanos{kMask} - seconds(1), Nanos{kMask}, Nanos{200 * (kMask + 1) - 1},
                          Nanos{std::chrono::seconds(1'795'219'200)}}) {
    MemoryStore store({.max_keys = 10});
    const OnePolicy bucket(store, BucketPolicy("p", 10, 10, seconds(10)));
    const Result charged = bucket.Do("k", CheckOf(6), now);
    ASSERT_TRUE(charged.allowed);
    const Operation credit = With(Operation::Kind::kCredit, 4,
                                  {.marks = Operation::Marks{charged.decisions[0].mark & kMask}});
    bucket.Do("k", credit, now);
    EXPECT_EQ(bucket.Remaining("k", now), 8) << now.count();
    // A drained charge is not given back, though others have charged since.
    for (const Nanos later : {Nanos{seconds(20)}, Nanos{days(10)}, Nanos{days(90)}}) {
      ASSERT_TRUE(bucket.Take("k", 6, now + later));
      bucket.Do("k", credit, now + later);
      EXPECT_EQ(bucket.Remaining("k", now + later), 4) << now.count() << " and " << later.count();
    }
  }
}

TEST(MemoryStore, StoresAreApart) {
  MemoryStore a({.max_keys = 10});
  MemoryStore b({.max_keys = 10});
  OnePolicy in_a(a, BucketPolicy("p", 1, 1, days(1)));
  OnePolicy in_b(b, BucketPolicy("p", 1, 1, days(1)));
  EXPECT_TRUE(in_a.Take("k", 1, kNow));
  EXPECT_TRUE(in_b.Take("k", 1, kNow));
  EXPECT_FALSE(in_a.Take("k", 1, kNow));
}

}  // namespace
}  // namespace sluice::testing
