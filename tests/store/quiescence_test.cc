// The records of threads: reused when a thread ends, and never used by two threads at once.
#include "quiescence.h"

#include <gtest/gtest.h>

#include <thread>

#include "memory_under_test.h"
#include "store/memory_store.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

// Runs a function when its thread ends, after later objects were destroyed.
struct AtEnd {
  void (*what)() = nullptr;
  ~AtEnd() {
    if (what != nullptr) what();
  }
};

int late_calls = 0;

// An operation that an operation of another thread must not end.
void OperateInStep() {
  std::thread other;
  {
    const Quiescence::Guard mine;
    Quiescence::Grace grace;
    EXPECT_FALSE(grace.Over());
    // It would take this thread's record, if that had been released.
    other = std::thread([] { const Quiescence::Guard theirs; });
    other.join();
    EXPECT_FALSE(grace.Over()) << "the operation has not ended";
  }
  Quiescence::Grace grace;
  EXPECT_TRUE(grace.Over());
  ++late_calls;
}

TEST(Quiescence, AThreadThatHasHandedItsRecordOnTakesAnother) {
  late_calls = 0;
  std::thread([] {
    // Made before the thread's first operation, so that it is destroyed after the record's end.
    static thread_local AtEnd at_end;
    at_end.what = [] {
      OperateInStep();
      OperateInStep();
    };
    const Quiescence::Guard first;
  }).join();
  EXPECT_EQ(late_calls, 2);
}

TEST(Quiescence, AStoreMayBeAskedWhenAThreadEnds) {
  static MemoryStore* asked = nullptr;
  MemoryStore store({.max_keys = 100});
  asked = &store;
  std::thread([] {
    static thread_local AtEnd at_end;
    at_end.what = [] {
      OnePolicy bucket(*asked, BucketPolicy("p", 5, 5, std::chrono::hours(1)));
      EXPECT_TRUE(bucket.Take("k", 2, std::chrono::seconds(1)));
    };
    OnePolicy bucket(*asked, BucketPolicy("p", 5, 5, std::chrono::hours(1)));
    EXPECT_TRUE(bucket.Take("k", 2, std::chrono::seconds(1)));
  }).join();
  OnePolicy bucket(store, BucketPolicy("p", 5, 5, std::chrono::hours(1)));
  EXPECT_EQ(bucket.Remaining("k", std::chrono::seconds(1)), 1);
}

}  // namespace
}  // namespace sluice::testing
