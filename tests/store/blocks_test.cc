// Blocks cost a lookup only for keys that may have one, and only while they last.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "limiter/memory_limiter.h"
#include "quiescence.h"
#include "store/memory_store.h"
#include "store_tables.h"
#include "support/operations.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;

constexpr Nanos kNow = seconds(1'000);

EntryHash EntryNumber(std::uint64_t i) { return {(i + 1) * 0x9e3779b97f4a7c15}; }

class Blocks : public ::testing::Test {
 protected:
  // The number of entries from 1 to 1,000 that need a lookup.
  int LookedUp(Nanos now) const {
    int count = 0;
    for (std::uint64_t i = 1; i <= 1'000; ++i) {
      count += tables_.MayBeBlocked(EntryNumber(i), now) ? 1 : 0;
    }
    return count;
  }
  void Block(std::uint64_t i, Nanos span, Nanos now) {
    tables_.Block(EntryNumber(i), span, true, {.now = now});
  }

  StoreTables tables_{100'000, 0x1234'5678'9abc'def0, nullptr, Micros{0}};
  const Quiescence::Guard guard_;
};

TEST_F(Blocks, OfOneKeyAreNotLookedForUnderOthers) {
  EXPECT_EQ(LookedUp(kNow), 0);
  Block(0, hours(1), kNow);
  EXPECT_TRUE(tables_.MayBeBlocked(EntryNumber(0), kNow));
  EXPECT_LT(LookedUp(kNow), 10);
}

TEST_F(Blocks, AreLookedForUntilTheLastOfThemEnds) {
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    Block(i, Nanos{static_cast<std::int64_t>(i) * 1'000}, kNow);
  }
  EXPECT_EQ(LookedUp(kNow), 1'000);
  Block(1, Nanos{1}, kNow + Nanos{10});  // a shorter one does not hide the others
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    const Nanos end = kNow + Nanos{static_cast<std::int64_t>(i) * 1'000};
    ASSERT_TRUE(tables_.MayBeBlocked(EntryNumber(i), end - Nanos{1})) << i;
  }
  EXPECT_EQ(LookedUp(kNow + Nanos{1'000'000}), 0) << "nothing is left of them";
}

TEST_F(Blocks, AreFoundAgainByAClockThatStepsBack) {
  Block(0, seconds(10), kNow);
  EXPECT_FALSE(tables_.MayBeBlocked(EntryNumber(0), kNow + seconds(10)));
  EXPECT_TRUE(tables_.MayBeBlocked(EntryNumber(0), kNow + seconds(9)));
  EXPECT_TRUE(tables_.MayBeBlocked(EntryNumber(0), kNow - days(1)));
}

// The path of nearly all checks.
TEST(QuickChecks, AreDeniedByTheBlockOfTheirKeyAlone) {
  const auto store = std::make_shared<MemoryStore>(MemoryStore::Options{});
  const MemoryLimiter limiter(
      {BucketPolicy("a", 5, 5, hours(1)), BucketPolicy("b", 5, 5, hours(1))}, store, "test");
  const KeyHash blocked = limiter.Hash("blocked");
  const auto run = [&](KeyHash key, const Operation& operation, Nanos now) {
    Result result;
    limiter.Execute({&key, 1}, operation, now, result);
    return result;
  };
  const auto check = [&](KeyHash key, Nanos now) { return run(key, CheckOf(1), now); };
  const auto block = [&](PolicyBits which, Nanos now) {
    run(blocked, With(Operation::Kind::kBlock, 0, {.block_for = hours(1), .which = which}), now);
  };
  block(2, kNow);  // under b alone
  const Result denied = check(blocked, kNow);
  EXPECT_FALSE(denied.allowed);
  EXPECT_TRUE(denied.decisions[0].allowed);
  EXPECT_EQ(denied.decisions[1].retry_after, hours(1));
  EXPECT_EQ(denied.decisions[0].remaining, 5);
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_TRUE(check(limiter.Hash(std::to_string(i)), kNow).allowed) << i;
  }
  EXPECT_FALSE(check(blocked, kNow + hours(1) - Nanos{1}).allowed);
  EXPECT_TRUE(check(blocked, kNow + hours(1)).allowed);
  block(0, kNow + hours(2));
  EXPECT_FALSE(check(blocked, kNow + hours(2)).allowed);
  run(blocked, Plain(Operation::Kind::kUnblock), kNow + hours(2));
  EXPECT_TRUE(check(blocked, kNow + hours(2)).allowed);
  block(0, kNow + hours(2));
  run(blocked, Plain(Operation::Kind::kReset), kNow + hours(2));
  EXPECT_EQ(check(blocked, kNow + hours(2)).decisions[0].remaining, 4);
}

}  // namespace
}  // namespace sluice::testing
