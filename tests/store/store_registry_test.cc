// Named stores.
#include "store/store_registry.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>

#include "store/memory_under_test.h"
#include "store/on_threads.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr Nanos kNow = hours(1);
constexpr MemoryStore::Options kOptions{.max_keys = 1'000};

TEST(NamedStores, OneNameIsOneStore) {
  const auto a = OpenNamedStore("one", kOptions, false);
  const auto b = OpenNamedStore("one", kOptions, false);
  const auto other = OpenNamedStore("another", kOptions, false);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, other);
}

TEST(NamedStores, SharesStatesOfEveryAlgorithmBlocksIncluded) {
  const std::vector<Policy> policies = {
      {.name = "tokens", .algorithm = Bucket(1, 1, days(1))},
      {.name = "fixed", .algorithm = Fixed(1, days(1), FixedWindow::Align::kFirstRequest)},
      {.name = "sliding", .algorithm = Sliding(1, days(1))},
      {.name = "log", .algorithm = Log(1, days(1))},
      {.name = "slots", .algorithm = Slots(1, days(1))}};
  const auto a = OpenNamedStore("shared", kOptions, false);
  const auto b = OpenNamedStore("shared", kOptions, false);
  for (const Policy& policy : policies) {
    OnePolicy in_a(*a, policy);
    OnePolicy in_b(*b, policy);
    EXPECT_TRUE(in_a.Take("k", 1, kNow)) << policy.name;
    EXPECT_FALSE(in_b.Take("k", 1, kNow)) << policy.name;
    in_a.Block("blocked", hours(1), kNow);
    EXPECT_FALSE(in_b.Take("blocked", 1, kNow)) << policy.name;
  }
}

TEST(NamedStores, OtherOptionsAreRefusedWhileItIsOpen) {
  auto open = OpenNamedStore("options", kOptions, false);
  EXPECT_EQ(OpenNamedStore("options", {.max_keys = 999}, false), nullptr);
  EXPECT_EQ(OpenNamedStore("options", kOptions, true), nullptr);
  open.reset();
  EXPECT_NE(OpenNamedStore("options", {.max_keys = 999}, true), nullptr);
}

// Each environment draws a seed and reads the wall clock itself.
TEST(NamedStores, SeedAndOffsetAreThoseOfWhoeverMadeIt) {
  const auto made =
      OpenNamedStore("made", {.max_keys = 10, .seed = {1}, .wall_offset = hours(1)}, false);
  const auto opened =
      OpenNamedStore("made", {.max_keys = 10, .seed = {2}, .wall_offset = hours(2)}, false);
  ASSERT_EQ(made, opened);
  EXPECT_EQ(opened->options().seed, (MemoryStore::Seed{1}));
  EXPECT_EQ(opened->options().wall_offset, hours(1));
}

TEST(NamedStores, EndsWithItsLastHolderAndStartsEmptyAgain) {
  const Policy policy{.name = "fixed",
                      .algorithm = Fixed(1, days(1), FixedWindow::Align::kFirstRequest)};
  auto first = OpenNamedStore("ends", kOptions, false);
  EXPECT_TRUE(OnePolicy(*first, policy).Take("k", 1, kNow));
  first.reset();
  const auto second = OpenNamedStore("ends", kOptions, false);
  EXPECT_TRUE(OnePolicy(*second, policy).Take("k", 1, kNow));
}

TEST(NamedStores, ThreadsThatOpenAtOnceGetOne) {
  std::vector<std::shared_ptr<MemoryStore>> stores(kThreads);
  OnThreads([&](int thread) {
    stores[static_cast<std::size_t>(thread)] = OpenNamedStore("at once", kOptions, false);
  });
  for (const auto& store : stores) EXPECT_EQ(store, stores[0]);
}

}  // namespace
}  // namespace sluice::testing
