// Step counts by SLUICE_FULL.
#include "support/scale.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace sluice::testing {
namespace {

// A test may call it several times.
void Note(int steps) {
  static const ::testing::TestInfo* test = nullptr;
  static int sum = 0;
  const auto* running = ::testing::UnitTest::GetInstance()->current_test_info();
  sum = running == test ? sum + steps : steps;
  test = running;
  ::testing::Test::RecordProperty("steps", sum);
}

}  // namespace

int Steps(int few) {
  const char* full = std::getenv("SLUICE_FULL");
  const int steps = full != nullptr && std::string_view(full) == "1" ? 25 * few : few;
  Note(steps);
  return steps;
}

}  // namespace sluice::testing
