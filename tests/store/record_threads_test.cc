// Many threads on states larger than one word: they admit exactly what the limits allow.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
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
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr Nanos kNow = hours(1);
constexpr auto kFirst = FixedWindow::Align::kFirstRequest;

std::string Name(const char* kind, std::int64_t i) { return kind + std::to_string(i); }

HolderId Holder(int thread, std::int64_t i) {
  return {.high = static_cast<std::uint64_t>(thread) + 1, .low = static_cast<std::uint64_t>(i)};
}

// One policy of each exact algorithm, each admitting `limit` and nothing more while the clock
// stands still.
std::vector<Policy> OfEachAlgorithm(std::int64_t limit) {
  return {{.name = "tokens", .algorithm = Bucket(limit, limit, days(1))},
          {.name = "fixed", .algorithm = Fixed(limit, days(1), kFirst)},
          {.name = "sliding", .algorithm = Sliding(limit, days(1))},
          {.name = "log", .algorithm = Log(limit, days(1))},
          {.name = "slots", .algorithm = Slots(limit, days(1))}};
}

class EachAlgorithm : public ::testing::TestWithParam<std::size_t> {
 protected:
  Policy Limited(std::int64_t limit) const { return OfEachAlgorithm(limit)[GetParam()]; }
  // The unit of cost: a slot counts as one at any cost.
  std::int64_t Units(std::int64_t cost) const {
    return OfEachAlgorithm(1)[GetParam()].name == "slots" ? 1 : cost;
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, EachAlgorithm,
                         ::testing::Range<std::size_t>(0, OfEachAlgorithm(1).size()),
                         [](const auto& of) { return OfEachAlgorithm(1)[of.param].name; });

TEST_P(EachAlgorithm, OneKeyAdmitsExactlyItsLimit) {
  for (int round = 0; round < 10; ++round) {
    const std::int64_t limit = 500;
    MemoryStore store({.max_keys = 1'000});
    OnePolicy limited(store, Limited(limit));
    std::atomic<std::int64_t> admitted{0};
    OnThreads([&](int thread) {
      for (std::int64_t i = 0; i < 100 * kScale; ++i) {
        const std::int64_t cost = 1 + i % 3;
        if (limited.Take("k", cost, kNow, Holder(thread, i))) admitted += Units(cost);
      }
      // Takes the rest one by one.
      for (std::int64_t i = 0; i < 100 * kScale; ++i) {
        if (limited.Take("k", 1, kNow, Holder(thread, -1 - i))) admitted += 1;
      }
    });
    EXPECT_EQ(admitted.load(), limit);
    EXPECT_EQ(limited.Used("k", kNow), limit);
  }
}

TEST_P(EachAlgorithm, KeysInsertedByAllAtOnceNeverHaveTwoStates) {
  constexpr std::int64_t kLimit = 3;
  const std::int64_t keys = 2'000 * kScale;
  MemoryStore store({.max_keys = 1'000'000});
  OnePolicy limited(store, Limited(kLimit));
  std::vector<std::atomic<std::int64_t>> admitted(static_cast<std::size_t>(keys));
  OnThreads([&](int thread) {
    for (std::int64_t i = 0; i < keys; ++i) {
      if (limited.Take(Name("k", i), 1, kNow, Holder(thread, i))) {
        ++admitted[static_cast<std::size_t>(i)];
      }
    }
  });
  for (std::int64_t i = 0; i < keys; ++i) {
    ASSERT_EQ(admitted[static_cast<std::size_t>(i)].load(), kLimit) << i;
    ASSERT_EQ(limited.Used(Name("k", i), kNow), kLimit) << i;
  }
  EXPECT_EQ(store.stats().keys, static_cast<std::size_t>(keys));
}

// Keys with little of their limit left survive a flood of others, and admit the exact rest.
TEST_P(EachAlgorithm, HotKeysAdmitTheExactSumThroughGrowthAndEviction) {
  constexpr std::int64_t kHotKeys = 8;
  constexpr std::int64_t kLimit = 200;
  const std::int64_t steps = 1'000 * kScale;
  const std::size_t max_keys = static_cast<std::size_t>(steps) * kThreads / 4 + 800;
  MemoryStore store({.max_keys = max_keys});
  Policy cold_policy = Limited(100);
  cold_policy.name = "cold";
  OnePolicy hot(store, Limited(kLimit));
  OnePolicy cold(store, cold_policy);
  std::array<std::atomic<std::int64_t>, kHotKeys> admitted{};
  for (std::int64_t i = 0; i < kHotKeys; ++i) {
    for (std::int64_t n = 0; n < kLimit / 2; ++n) {
      ASSERT_TRUE(hot.Take(Name("hot", i), 1, kNow, Holder(100, n)));
    }
    admitted[static_cast<std::size_t>(i)] = kLimit / 2;
  }
  OnThreads([&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    for (std::int64_t i = 0; i < steps; ++i) {
      EXPECT_TRUE(cold.Take(Name("cold", i * kThreads + thread), 1, kNow, Holder(thread, i)));
      const std::int64_t key = random.Between(0, kHotKeys - 1);
      if (hot.Take(Name("hot", key), 1, kNow, Holder(thread, i))) {
        ++admitted[static_cast<std::size_t>(key)];
      }
    }
  });
  for (std::int64_t i = 0; i < kHotKeys; ++i) {
    EXPECT_EQ(hot.Used(Name("hot", i), kNow), admitted[static_cast<std::size_t>(i)].load()) << i;
    EXPECT_LE(admitted[static_cast<std::size_t>(i)].load(), kLimit) << i;
  }
  EXPECT_GT(store.stats().evicted, 0u);
  EXPECT_LE(store.stats().keys, max_keys + kThreads);
}

// Each thread checks another choice of the policies, in another order.
TEST(RecordThreads, ChecksOverMixedPoliciesChargeAllOrNone) {
  for (int round = 0; round < 10; ++round) {
    constexpr std::size_t kCount = 5;
    MemoryStore store({.max_keys = 10'000});
    std::vector<Policy> policies = OfEachAlgorithm(700);
    policies.push_back({.name = "tokens 2", .algorithm = Bucket(500, 500, days(1))});
    std::array<std::array<std::atomic<std::int64_t>, kCount + 1>, 2> admitted{};
    OnThreads([&](int thread) {
      Random random(static_cast<std::uint64_t>(thread * 100 + round));
      for (std::int64_t i = 0; i < 60 * kScale; ++i) {
        const auto key = static_cast<std::size_t>(random.Between(0, 1));
        std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
        for (std::size_t n = 5; n > 0; --n) {
          std::swap(
              order[n],
              order[static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(n)))]);
        }
        order.resize(static_cast<std::size_t>(random.Between(1, 6)));
        std::vector<Policy> asked;
        std::vector<std::int64_t> costs;
        for (const std::size_t p : order) {
          asked.push_back(policies[p]);
          costs.push_back(random.Between(0, 3));
        }
        const Operation check = CheckOf(Costs(costs), Holder(thread, i));
        if (!OnStore(store, asked).Do(std::to_string(key), check, kNow).allowed) continue;
        for (std::size_t n = 0; n < order.size(); ++n) {
          const bool slot = policies[order[n]].name == "slots";
          admitted[key][order[n]] += slot ? std::min<std::int64_t>(1, costs[n]) : costs[n];
        }
      }
    });
    for (std::size_t key = 0; key < 2; ++key) {
      for (std::size_t p = 0; p < policies.size(); ++p) {
        OnePolicy one(store, policies[p]);
        EXPECT_LE(admitted[key][p].load(), LimitOf(policies[p].algorithm)) << policies[p].name;
        EXPECT_EQ(one.Used(std::to_string(key), kNow), admitted[key][p].load()) << policies[p].name;
      }
    }
  }
}

TEST(RecordThreads, WhatIsGivenBackAndTakenAddsUp) {
  MemoryStore store({.max_keys = 10'000});
  const std::vector<Policy> policies = OfEachAlgorithm(100'000);
  const OnStore all(store, policies);
  std::atomic<std::int64_t> kept{0};
  OnThreads([&](int thread) {
    for (std::int64_t i = 0; i < 100 * kScale; ++i) {
      const Result charged = all.Do("k", CheckOf(2, Holder(thread, i)), kNow);
      ASSERT_TRUE(charged.allowed);
      ++kept;
      if (i % 2 == 0) continue;
      Operation::Marks marks{};
      for (std::size_t p = 0; p < policies.size(); ++p) marks[p] = charged.decisions[p].mark;
      all.Do("k", With(Operation::Kind::kCredit, 2, {.marks = marks}), kNow);
      const Operation release = With(Operation::Kind::kRelease, 0, {.holder = Holder(thread, i)});
      ASSERT_TRUE(all.Do("k", release, kNow).done);
      --kept;
    }
  });
  for (const Policy& policy : policies) {
    const OnePolicy one(store, policy);
    EXPECT_EQ(one.Used("k", kNow), kept.load() * (policy.name == "slots" ? 1 : 2)) << policy.name;
  }
}

// Each thread has its own clock, hours apart. Entries expire for one thread while another charges
// them, with all operations at once.
TEST(RecordThreads, ClocksThatDisagreeLoseNoCountAndHoldNothingUp) {
  MemoryStore store({.max_keys = 2'000});
  std::vector<Policy> policies = OfEachAlgorithm(10);
  for (Policy& policy : policies) {
    policy.charge_denied = true;
    policy.block_for = seconds(1);
  }
  const OnStore all(store, policies);
  OnThreads([&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    for (std::int64_t i = 0; i < 500 * kScale; ++i) {
      const Nanos now = kNow + days(random.OneIn(50) ? 3 : 0) + thread * hours(20);
      const std::string key = Name("k", random.Between(1, 500));
      const std::int64_t cost = random.Between(0, 4);
      const std::int64_t units = random.Between(0, 3);
      switch (random.Between(0, 9)) {
        case 0:
          all.Do(key, Plain(Operation::Kind::kReset), now);
          break;
        case 1:
          all.Do(key, Plain(Operation::Kind::kDebit, units), now);
          break;
        case 2:
          all.Do(key, Plain(Operation::Kind::kCredit, units), now);
          break;
        case 3:
          all.Do(key, With(Operation::Kind::kBlock, 0, {.block_for = seconds(1)}), now);
          break;
        case 4:
          all.Do(key, With(Operation::Kind::kRenew, 0, {.holder = Holder(thread, i - 1)}), now);
          break;
        case 5:
          all.Do(key, PeekOf(cost), now);
          break;
        default:
          all.Do(key, CheckOf(cost, Holder(thread, i)), now);
      }
      EXPECT_LE(store.stats().keys, 2'000u + kThreads * policies.size() * 2);
    }
  });
  for (std::int64_t i = 1; i <= 500; ++i) {
    all.Do(Name("k", i), Plain(Operation::Kind::kReset), kNow);
  }
  EXPECT_EQ(store.stats().keys, 0u);
}

TEST(RecordThreads, AMovingClockStaysWithinTheBoundOfALog) {
  constexpr std::int64_t kLimit = 1'000;
  const std::int64_t calls = 500 * kScale;
  MemoryStore store({.max_keys = 2'000});
  OnePolicy log(store, {.name = "log", .algorithm = Log(kLimit, microseconds(2'000))});
  OnePolicy brief(store, {.name = "brief", .algorithm = Fixed(1, microseconds(10), kFirst)});
  std::atomic<std::int64_t> clock{kNow.count()};
  std::vector<std::atomic<std::int64_t>> at(static_cast<std::size_t>(calls * kThreads) + 1);
  OnThreads([&](int thread) {
    for (std::int64_t i = 0; i < calls; ++i) {
      const std::int64_t us = clock.fetch_add(1'000) / 1'000 - kNow.count() / 1'000;
      const Nanos now = kNow + microseconds(us);
      if (log.Take("k", 1, now)) ++at[static_cast<std::size_t>(us)];
      // Other keys come and expire, so that the stripes change all the time.
      brief.Take(Name("brief", i * kThreads + thread), 1, now);
    }
  });
  // A late call counts at the newest time, so a window may only hold less than at[].
  std::int64_t total = 0;
  for (const auto& admitted : at) total += admitted.load();
  const std::int64_t windows = (calls * kThreads + 1'999) / 2'000;
  EXPECT_LE(total, kLimit * windows);
  EXPECT_GE(total, std::min(kLimit, calls));
}

}  // namespace
}  // namespace sluice::testing
