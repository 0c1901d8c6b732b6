// Many threads on one memory store: they admit exactly what the limits allow.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "store/memory_under_test.h"
#include "store/on_threads.h"
#include "support/policies.h"
#include "support/seed.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

constexpr Nanos kNow = hours(1);  // the clock is frozen: nothing drains

std::string Name(const char* kind, std::int64_t i) { return kind + std::to_string(i); }

TEST(Threads, OneKeyAdmitsExactlyItsCapacity) {
  for (int round = 0; round < 20; ++round) {
    MemoryStore store({.max_keys = 100});
    constexpr std::int64_t kCapacity = 5'000;
    OnePolicy bucket(store, BucketPolicy("p", kCapacity, kCapacity, days(1)));
    std::atomic<std::int64_t> admitted{0};
    OnThreads([&](int) {
      for (std::int64_t i = 0; i < 100 * kScale; ++i) {
        if (bucket.Take("k", 1 + i % 3, kNow)) admitted += 1 + i % 3;
      }
    });
    EXPECT_EQ(bucket.Used("k", kNow), admitted.load());
    EXPECT_LE(admitted.load(), kCapacity);
  }
}

TEST(Threads, KeysInsertedByAllAtOnceNeverHaveTwoStates) {
  constexpr std::int64_t kCapacity = 3;
  const std::int64_t keys = 4'000 * kScale;
  MemoryStore store({.max_keys = 10'000'000});
  OnePolicy bucket(store, BucketPolicy("p", kCapacity, kCapacity, days(1)));
  std::vector<std::atomic<std::int64_t>> admitted(static_cast<std::size_t>(keys));
  std::barrier together(kThreads);
  OnThreads([&](int) {
    for (std::int64_t i = 0; i < keys; ++i) {
      if (i % 64 == 0) together.arrive_and_wait();
      if (bucket.Take(Name("k", i), 1, kNow)) ++admitted[static_cast<std::size_t>(i)];
    }
  });
  for (std::int64_t i = 0; i < keys; ++i) {
    ASSERT_EQ(admitted[static_cast<std::size_t>(i)].load(), kCapacity) << i;
    ASSERT_EQ(bucket.Used(Name("k", i), kNow), kCapacity) << i;
  }
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(keys));
  EXPECT_EQ(store.stats().evicted, 0u);
}

// Keys with little of their limit left survive a flood of others, and admit the exact rest.
TEST(Threads, HotKeysAdmitTheExactSumThroughGrowthAndEviction) {
  constexpr std::int64_t kHotKeys = 16;
  constexpr std::int64_t kCapacity = 100'000;
  constexpr std::int64_t kUsedBefore = 80'000;
  const std::int64_t steps = 3'000 * kScale;
  const std::size_t max_keys = static_cast<std::size_t>(steps) * kThreads / 4;
  MemoryStore store({.max_keys = max_keys});
  OnePolicy hot(store, BucketPolicy("hot", kCapacity, kCapacity, days(100)));
  OnePolicy cold(store, BucketPolicy("cold", 100, 100, days(100)));
  std::array<std::atomic<std::int64_t>, kHotKeys> admitted{};
  for (std::int64_t i = 0; i < kHotKeys; ++i) {
    ASSERT_TRUE(hot.Take(Name("hot", i), kUsedBefore, kNow));
    admitted[static_cast<std::size_t>(i)] = kUsedBefore;
  }
  OnThreads([&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    for (std::int64_t i = 0; i < steps; ++i) {
      EXPECT_TRUE(cold.Take(Name("cold", i * kThreads + thread), 1, kNow));
      const std::int64_t key = random.Between(0, kHotKeys - 1);
      const std::int64_t cost = random.Between(1, 30);
      if (hot.Take(Name("hot", key), cost, kNow)) admitted[static_cast<std::size_t>(key)] += cost;
    }
  });
  for (std::int64_t i = 0; i < kHotKeys; ++i) {
    EXPECT_EQ(hot.Used(Name("hot", i), kNow), admitted[static_cast<std::size_t>(i)].load()) << i;
    EXPECT_LE(admitted[static_cast<std::size_t>(i)].load(), kCapacity) << i;
  }
  EXPECT_GT(store.stats().evicted, 0u);
  EXPECT_LE(store.stats().keys, max_keys + kThreads);
}

// Each thread has its own clock, hours apart. Entries expire for one thread while another charges
// them, in tables that grow, shrink and move all the time.
TEST(Threads, ClocksThatDisagreeLoseNoCountAndHoldNothingUp) {
  MemoryStore store({.max_keys = 100'000});
  OnePolicy bucket(store, BucketPolicy("p", 10, 10, seconds(1)));
  const std::int64_t keys = 2'000 * kScale;
  OnThreads([&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    for (std::int64_t i = 0; i < 3 * keys; ++i) {
      const Nanos now = kNow + hours(random.OneIn(50) ? 1 : 0) + thread * seconds(1);
      bucket.Take(Name("k", random.Between(1, keys)), 1, now);
      if (random.OneIn(20)) bucket.Reset(Name("k", random.Between(1, keys)));
    }
  });
  std::size_t held = 0;
  for (std::int64_t i = 1; i <= keys; ++i) held += bucket.Used(Name("k", i), Nanos{0}) > 0 ? 1 : 0;
  EXPECT_EQ(store.stats().keys, held);
}

TEST(Threads, TwoPoliciesChargeAllOrNone) {
  for (int round = 0; round < 20; ++round) {
    MemoryStore store({.max_keys = 1'000});
    const std::vector<Policy> policies = {BucketPolicy("a", 900, 900, days(1)),
                                          BucketPolicy("b", 700, 700, days(1))};
    const OnStore both(store, policies);
    std::array<std::atomic<std::int64_t>, 2> admitted{};
    OnThreads([&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      for (std::int64_t i = 0; i < 100 * kScale; ++i) {
        const std::array<std::int64_t, 2> costs = {random.Between(0, 3), random.Between(0, 3)};
        if (!both.Do("k", CheckOf(Costs(costs)), kNow).allowed) continue;
        admitted[0] += costs[0];
        admitted[1] += costs[1];
      }
    });
    const auto end = both.Do("k", PeekOf(0), kNow).decisions;
    for (std::size_t p = 0; p < 2; ++p) {
      EXPECT_LE(admitted[p].load(), end[p].limit) << policies[p].name;
      EXPECT_EQ(end[p].limit - end[p].remaining, admitted[p].load()) << policies[p].name;
    }
  }
}

TEST(Threads, ResetGivesEachTimeOneCapacityMoreAtMost) {
  constexpr std::int64_t kCapacity = 50;
  MemoryStore store({.max_keys = 100});
  OnePolicy bucket(store, BucketPolicy("p", kCapacity, kCapacity, days(1)));
  std::atomic<std::int64_t> admitted{0};
  std::atomic<std::int64_t> resets{0};
  OnThreads([&](int thread) {
    for (std::int64_t i = 0; i < 5'000 * kScale; ++i) {
      if (bucket.Take("k", 1, kNow)) ++admitted;
      if (i % 500 == 10 * thread) {
        ++resets;  // before the call, so that the bound below holds at every moment
        bucket.Reset("k");
      }
    }
  });
  EXPECT_LE(admitted.load(), kCapacity * (resets.load() + 1));
  EXPECT_GE(admitted.load(), kCapacity * 2);
  EXPECT_LE(bucket.Used("k", kNow), kCapacity);
  bucket.Reset("k");
  EXPECT_EQ(bucket.Used("k", kNow), 0);
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(Threads, PeekingWhileOthersChargeAndGrowSeesOnlyStatesThatWere) {
  constexpr std::int64_t kCapacity = 1'000'000;
  const std::int64_t steps = 3'000 * kScale;
  MemoryStore store({.max_keys = 1'000'000});
  OnePolicy bucket(store, BucketPolicy("p", kCapacity, kCapacity, days(1)));
  ASSERT_TRUE(bucket.Take("k", 1, kNow));
  std::atomic<int> charging{kThreads / 2};
  OnThreads([&](int thread) {
    if (thread % 2 == 0) {
      for (std::int64_t i = 0; i < steps; ++i) {
        EXPECT_TRUE(bucket.Take("k", 1, kNow));
        EXPECT_TRUE(bucket.Take(Name("other", i * kThreads + thread), 1, kNow));
      }
      --charging;
      return;
    }
    std::int64_t last = 1;
    while (charging > 0) {
      const std::int64_t used = bucket.Used("k", kNow);
      ASSERT_GE(used, last);  // never lost for a moment during a move
      ASSERT_LE(used, 1 + steps * (kThreads / 2));
      last = used;
    }
  });
  EXPECT_EQ(bucket.Used("k", kNow), 1 + steps * (kThreads / 2));
}

TEST(Threads, AMovingClockStaysWithinTheBound) {
  // 1,000 at once and one each microsecond; the clock moves by 100 ns with each call of any thread.
  constexpr std::int64_t kCapacity = 1'000;
  const std::int64_t calls = 2'000 * kScale;
  MemoryStore store({.max_keys = 2'000});
  OnePolicy bucket(store, BucketPolicy("p", kCapacity, 1, std::chrono::microseconds(1)));
  std::atomic<std::int64_t> clock{kNow.count()};
  std::atomic<std::int64_t> admitted{0};
  OnThreads([&](int thread) {
    for (std::int64_t i = 0; i < calls; ++i) {
      const Nanos now{clock.fetch_add(100)};
      if (bucket.Take("k", 1, now)) ++admitted;
      // Other keys come and expire, so that the table keeps moving.
      bucket.Take(Name("brief", i * kThreads + thread), 1, now);
    }
  });
  const std::int64_t refilled = (clock.load() - kNow.count()) / 1'000;
  EXPECT_LE(admitted.load(), kCapacity + refilled);
  EXPECT_GE(admitted.load(), std::min(kCapacity, calls));
}

TEST(Threads, ManyThatComeAndGoLeaveTheStoreAsOneWould) {
  constexpr std::int64_t kCapacity = 1'000'000;
  MemoryStore store({.max_keys = 1'000'000});
  OnePolicy bucket(store, BucketPolicy("p", kCapacity, kCapacity, days(1)));
  std::atomic<std::int64_t> admitted{0};
  const int generations = static_cast<int>(5 * kScale);
  for (int generation = 0; generation < generations; ++generation) {
    OnThreads([&](int thread) {
      for (std::int64_t i = 0; i < 200; ++i) {
        if (bucket.Take("k", 1, kNow)) ++admitted;
        bucket.Take(Name("other", (generation * 200 + i) * kThreads + thread), 1, kNow);
      }
    });
  }
  EXPECT_EQ(bucket.Used("k", kNow), admitted.load());
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(generations) * 200 * kThreads + 1);
}

}  // namespace
}  // namespace sluice::testing
