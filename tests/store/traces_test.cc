// Long random traces over a memory store: it agrees with the plain models and keeps the promises.
#include <gtest/gtest.h>

#include "store/memory_under_test.h"
#include "support/scale.h"
#include "support/trace_bounds.h"
#include "support/trace_run.h"
namespace sluice::testing {
namespace {

TEST(Traces, AgreeWithThePlainModels) {
  Random random(TestSeed());
  TraceCounts counts;
  const int steps = Steps(20'000);
  ASSERT_EQ(RunTraces(random, steps, &FreshKey, counts), "");
  EXPECT_EQ(counts.steps, steps);
  EXPECT_GT(counts.admitted, steps / 10);
  EXPECT_GT(counts.denied, steps / 10);
  EXPECT_GT(counts.went_back, steps / 20);
  EXPECT_GT(counts.operations, steps / 10);
  EXPECT_GT(counts.delayed, steps / 500);
  EXPECT_GT(counts.waits, steps / 10);
  EXPECT_GT(counts.blocks, steps / 100);
}

TEST(Traces, KeepThePromises) {
  Random random(TestSeed());
  TraceCounts counts;
  const int steps = Steps(10'000);
  ASSERT_EQ(RunPromises(random, steps, &FreshKey, counts), "");
  EXPECT_GT(counts.waits, steps / 10);
  EXPECT_GT(counts.admitted, steps / 10);
}

TEST(Traces, AdmitNoMoreThanTheBoundOfEachAlgorithm) {
  Random random(TestSeed());
  ASSERT_EQ(RunBounds(random, Steps(20'000), &FreshKey), "");
}

}  // namespace
}  // namespace sluice::testing
