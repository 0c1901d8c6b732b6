// Step counts and times by SLUICE_FULL.
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

bool IsFull() {
  const char* const full = std::getenv("SLUICE_FULL");
  return full != nullptr && std::string_view(full) == "1";
}

}  // namespace

int Steps(int few) {
  const int steps = IsFull() ? 25 * few : few;
  Note(steps);
  return steps;
}

int FuzzSeconds(int few) {
  const char* const given = std::getenv("SLUICE_FUZZ_SECONDS");
  if (given != nullptr) return std::stoi(given);
  return IsFull() ? 225 * few : few;
}

}  // namespace sluice::testing
