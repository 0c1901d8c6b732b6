// Changes of a key are visible to checks that were sent before them.
#include "limiter/key_changes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

TEST(KeyChanges, WhatWasAskedBeforeAChangeIsOutOfDate) {
  KeyChanges changes;
  EXPECT_LE(changes.Latest("k"), changes.now()) << "nothing changed";
  const KeyChanges::Tick before = changes.now();
  changes.Note("k");
  EXPECT_LT(before, changes.Latest("k"));
  EXPECT_GE(changes.now(), changes.Latest("k")) << "what is asked now is not";
}

TEST(KeyChanges, OfOneKeyAreHardlyAnyOthers) {
  KeyChanges changes;
  const KeyChanges::Tick before = changes.now();
  for (int i = 0; i < 10; ++i) changes.Note("changed:" + std::to_string(i));
  int seem_changed = 0;
  for (int i = 0; i < 1000; ++i) {
    if (changes.Latest("other:" + std::to_string(i)) > before) ++seem_changed;
  }
  EXPECT_LT(seem_changed, 100);
}

TEST(KeyChanges, NoneIsLostWhereThreadsNoteAtOnce) {
  KeyChanges changes;
  std::atomic<bool> stop = false;
  std::thread observer([&] {
    for (KeyChanges::Tick seen = 0; !stop;) {
      const KeyChanges::Tick latest = changes.Latest("k");
      ASSERT_GE(latest, seen) << "an earlier change took the place of a later one";
      seen = latest;
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&changes] {
      for (int i = 0; i < 200'000; ++i) {
        const KeyChanges::Tick before = changes.now();
        changes.Note("k");
        ASSERT_LT(before, changes.Latest("k"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  observer.join();
  EXPECT_EQ(changes.Latest("k"), changes.now()) << "the last one stands";
}

}  // namespace
}  // namespace sluice
