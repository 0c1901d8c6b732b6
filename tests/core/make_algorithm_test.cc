// Algorithms made by their names and numbers, as the addon makes them.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/algorithm.h"

namespace sluice {
namespace {

struct Case {
  std::string name;
  std::vector<std::int64_t> numbers;
  std::string tag;
  std::int64_t limit;
};

const std::vector<Case> kCases = {
    {"tokenBucket", {20, 10, 1'000'000}, "tb1", 20},
    {"gcra", {7, 5, 1'000'000}, "gc1", 7},
    {"leakyBucket", {9, 1, 1'000'000, 0}, "lb1", 9},
    {"fixedWindow", {5, 60'000'000, 1}, "fw1.60000c", 5},
    {"slidingWindow", {6, 60'000'000}, "sw1.60000", 6},
    {"slidingLog", {8, 60'000'000}, "sl1.60000", 8},
    {"concurrency", {4, 30'000'000}, "co1", 4},
};

TEST(MakeAlgorithm, MakesEachByItsNameAndNumbers) {
  for (const Case& c : kCases) {
    PolicyFault fault = PolicyFault::kCapacity;
    const auto made = MakeAlgorithm(c.name, c.numbers, fault);
    ASSERT_TRUE(made.has_value()) << c.name;
    EXPECT_EQ(fault, PolicyFault::kNone) << c.name;
    EXPECT_EQ(StateTag(*made), c.tag);
    EXPECT_EQ(LimitOf(*made), c.limit) << c.name;
  }
}

TEST(MakeAlgorithm, TellsAFaultOfANumber) {
  for (Case c : kCases) {
    c.numbers[0] = -1;
    PolicyFault fault = PolicyFault::kNone;
    EXPECT_FALSE(MakeAlgorithm(c.name, c.numbers, fault).has_value()) << c.name;
    EXPECT_NE(fault, PolicyFault::kNone) << c.name;
  }
  for (const char* name : {"leakyBucket", "fixedWindow"}) {
    PolicyFault fault = PolicyFault::kNone;
    const std::vector<std::int64_t> numbers = name == std::string("fixedWindow")
                                                  ? std::vector<std::int64_t>{5, 60'000'000, 3}
                                                  : std::vector<std::int64_t>{9, 1, 1'000'000, 2};
    EXPECT_FALSE(MakeAlgorithm(name, numbers, fault).has_value()) << name;
    EXPECT_EQ(fault, PolicyFault::kChoice) << name;
  }
}

TEST(MakeAlgorithm, KnowsNoOtherNameAndNoOtherCount) {
  const std::array<std::int64_t, 2> two{5, 60'000'000};
  for (const char* name : {"", "tokenbucket", "tokenBucket", "fixedWindow", "none"}) {
    PolicyFault fault = PolicyFault::kCapacity;
    EXPECT_FALSE(MakeAlgorithm(name, two, fault).has_value()) << name;
    EXPECT_EQ(fault, PolicyFault::kNone) << name;
  }
}

TEST(WithSlotTtl, ChangesTheTtlOfSlotsAlone) {
  PolicyFault fault = PolicyFault::kNone;
  for (const Case& c : kCases) {
    const Algorithm made = *MakeAlgorithm(c.name, c.numbers, fault);
    const Algorithm other = WithSlotTtl(made, Micros{7});
    EXPECT_EQ(StateTag(other), c.tag);
    EXPECT_EQ(LimitOf(other), c.limit);
    if (const auto* slots = std::get_if<Concurrency>(&other)) {
      EXPECT_EQ(slots->ttl(), Micros{7});
    }
  }
}

}  // namespace
}  // namespace sluice
