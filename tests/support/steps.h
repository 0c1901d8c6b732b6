// How long a randomised test runs: shortly in `npm test`, at full length in `npm run test:full`.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace sluice::testing {

/// Whether SLUICE_FULL is set: tests then take their full counts.
inline bool IsFullRun() {
  const char* full = std::getenv("SLUICE_FULL");
  return full != nullptr && *full != '\0';
}

/// The steps that the running test is to take, noted in its record, where scripts/run-tests.mjs
/// adds them up. To be called once in a test.
inline std::int64_t Steps(std::int64_t quick, std::int64_t full) {
  const std::int64_t steps = IsFullRun() ? full : quick;
  ::testing::Test::RecordProperty("steps", std::to_string(steps));
  return steps;
}

}  // namespace sluice::testing
