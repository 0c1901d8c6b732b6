// Seeds: SLUICE_SEED, or a drawn and printed one.
#include "support/seed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <iostream>
#include <string>

namespace sluice::testing {

std::uint64_t TestSeed() {
  std::uint64_t seed = 0;
  if (const char* given = std::getenv("SLUICE_SEED"); given != nullptr) {
    seed = std::strtoull(given, nullptr, 10);
  } else {
    std::random_device device;
    seed = (std::uint64_t{device()} << 32) | device();
  }
  std::cout << "seed " << seed << " (SLUICE_SEED=" << seed << " replays)\n" << std::flush;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

std::int64_t Random::Magnitude(std::int64_t high) {
  const int width = 64 - std::countl_zero(static_cast<std::uint64_t>(high));
  const int bits = static_cast<int>(Between(0, width));
  return std::min(high, Between(1, bits >= 63 ? high : std::int64_t{1} << bits));
}

}  // namespace sluice::testing
