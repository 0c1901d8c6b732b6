// A flood of new keys into a full store, under every algorithm: memory stays bounded, and callers
// who were denied before are still denied after it. 5,000,000 keys and a bound of 100,000 with
// SLUICE_FULL; fewer otherwise.
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>

#include "store/memory_under_test.h"
#include "support/policies.h"
#include "support/scale.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

constexpr Nanos kNow = hours(1);
constexpr std::int64_t kLimit = 4;
constexpr int kAttackers = 20;

std::vector<Policy> OfEachAlgorithm() {
  return {
      {.name = "tokens", .algorithm = Bucket(kLimit, kLimit, days(1))},
      {.name = "cells", .algorithm = CellRate(kLimit, kLimit, days(1))},
      {.name = "police", .algorithm = Leaky(kLimit, kLimit, days(1), LeakyBucket::Mode::kPolice)},
      {.name = "shape", .algorithm = Leaky(kLimit, kLimit, days(1), LeakyBucket::Mode::kShape)},
      {.name = "fixed", .algorithm = Fixed(kLimit, days(1), FixedWindow::Align::kFirstRequest)},
      {.name = "clock", .algorithm = Fixed(kLimit, days(1), FixedWindow::Align::kClock)},
      {.name = "month", .algorithm = Fixed(kLimit, days(1), FixedWindow::Align::kMonth)},
      {.name = "sliding", .algorithm = Sliding(kLimit, days(1))},
      {.name = "log", .algorithm = Log(kLimit, days(1))},
      {.name = "slots", .algorithm = Slots(kLimit, days(1))}};
}

// The resident bytes of the whole process: use it for growth only.
std::size_t ResidentBytes() {
  malloc_trim(0);  // freed memory does not belong to the store
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

std::string Attacker(int i) { return "attacker " + std::to_string(i); }

// Denied keys that have used less of their limit than the flood: only their denial protects them.
void Deny(OnePolicy& policy, bool slots) {
  for (int i = 0; i < kAttackers; ++i) {
    const std::string key = Attacker(i);
    if (slots) {
      for (std::uint64_t n = 0; n < kLimit; ++n) {
        ASSERT_TRUE(policy.Take(key, 1, kNow, {.high = 7, .low = n}));
      }
      ASSERT_FALSE(policy.Take(key, 1, kNow, {.high = 7, .low = kLimit}));
    } else {
      ASSERT_TRUE(policy.Take(key, 1, kNow));
      ASSERT_FALSE(policy.Take(key, kLimit, kNow));
    }
  }
}

class Flood : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Flood, FreesNoKeyThatWasDenied) {
  const Policy policy = OfEachAlgorithm()[GetParam()];
  const bool slots = std::holds_alternative<Concurrency>(policy.algorithm);
  const std::int64_t keys = Steps(200'000);
  const auto max_keys = static_cast<std::size_t>(keys / 50);
  MemoryStore store({.max_keys = max_keys, .seed = {1}});
  OnePolicy limited(store, policy);
  Deny(limited, slots);

  [[maybe_unused]] std::size_t filled = 0;
  for (std::int64_t i = 0; i < keys; ++i) {
    // Half of the limit, so twice as much as the denied ones; a slot counts as one at any cost.
    ASSERT_TRUE(limited.Take("fresh " + std::to_string(i), kLimit / 2, kNow,
                             {.high = 8, .low = static_cast<std::uint64_t>(i)}));
    if (i == 2 * static_cast<std::int64_t>(max_keys)) filled = ResidentBytes();
    ASSERT_LE(store.stats().keys, max_keys);
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep freed memory
  EXPECT_LE(ResidentBytes(), filled + (2u << 20));
#endif
  EXPECT_EQ(store.stats().keys, max_keys);
  EXPECT_LE(store.stats().capacity, 4 * max_keys + 4'096);
  EXPECT_GE(store.stats().evicted, static_cast<std::uint64_t>(keys) - max_keys);

  for (int i = 0; i < kAttackers; ++i) {
    EXPECT_FALSE(limited.Take(Attacker(i), slots ? 1 : kLimit, kNow)) << i;
    EXPECT_EQ(limited.Used(Attacker(i), kNow), slots ? kLimit : 1) << i;
  }
}

TEST_P(Flood, FreesNoKeyThatIsBlocked) {
  Policy policy = OfEachAlgorithm()[GetParam()];
  policy.block_for = hours(1);
  MemoryStore store({.max_keys = 2'000, .seed = {1}});
  OnePolicy limited(store, policy);
  const bool slots = std::holds_alternative<Concurrency>(policy.algorithm);
  Deny(limited, slots);
  for (std::uint64_t n = 0; slots && n < kLimit; ++n) {
    // Leaves only the block to deny.
    for (int i = 0; i < kAttackers; ++i) limited.Release(Attacker(i), {.high = 7, .low = n}, kNow);
  }
  // Under a policy without a block, and in the other table.
  OnePolicy fresh(store, {.name = "fresh", .algorithm = Bucket(2, 2, days(10))});
  OnePolicy wide(
      store, {.name = "wide", .algorithm = Fixed(2, days(10), FixedWindow::Align::kFirstRequest)});
  for (std::int64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(fresh.Take(std::to_string(i), 1, kNow));
    ASSERT_TRUE(wide.Take(std::to_string(i), 1, kNow));
  }
  EXPECT_GE(store.stats().evicted, 37'000u);
  for (int i = 0; i < kAttackers; ++i) {
    EXPECT_EQ(limited.Look(Attacker(i), 1, kNow).retry_after, hours(1)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(OfKeys, Flood, ::testing::Range<std::size_t>(0, OfEachAlgorithm().size()),
                         [](const auto& of) { return OfEachAlgorithm()[of.param].name; });

}  // namespace
}  // namespace sluice::testing
