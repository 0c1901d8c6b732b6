// The denial cache's limits: time and number of callers.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "denial_fixture.h"

namespace sluice::testing {
namespace {

constexpr Nanos kStart = seconds(50);
constexpr Nanos kTick{1};

Policy Ten(std::string name = "ten") { return BucketPolicy(std::move(name), 10, 1, seconds(1)); }

// Keeps an entry that lasts longer than the test's.
void DenyAnother(DenialFixture& redis) {
  redis.Deny("another", {11}, {Backlog(Nanos{0})}, kStart + seconds(9), kStart + seconds(9));
}

std::string Name(std::size_t i) { return "user:" + std::to_string(i); }

TEST(DenialCache, AnswersForASecondFromWhenTheDenialWasAskedFor) {
  DenialFixture redis({Ten()});
  DenyAnother(redis);
  redis.Deny("k", {3}, {Backlog(seconds(10))}, kStart, kStart + milliseconds(30));
  EXPECT_TRUE(redis.Again("k", {3}, kStart + seconds(1) - kTick));
  EXPECT_FALSE(redis.Again("k", {3}, kStart + seconds(1)));
  EXPECT_TRUE(redis.Again("another", {11}, kStart + seconds(10) - kTick))
      << "it has its own second";
}

TEST(DenialCache, AnswersNoLongerThanAnyThatDeniedSaid) {
  DenialFixture redis({Ten("far"), Ten("near")});
  redis.Deny("k", {3, 1}, {Backlog(seconds(10)), Backlog(seconds(9) + milliseconds(200))}, kStart,
             kStart + milliseconds(30));
  EXPECT_TRUE(redis.Again("k", {3, 1}, kStart + milliseconds(200) - kTick));
  EXPECT_FALSE(redis.Again("k", {3, 1}, kStart + milliseconds(200)));
}

TEST(DenialCache, ACostThatAlsoAnotherPolicyDeniesIsAnsweredNoLongerThanThatDenies) {
  DenialFixture redis({Ten("far"), Ten("near")});
  redis.Deny("k", {3, 1}, {Backlog(seconds(10)), Backlog(seconds(8) + milliseconds(100))}, kStart,
             kStart);
  const auto answer = redis.Again("k", {3, 2}, kStart + milliseconds(100) - kTick);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->decisions[1].retry_after, kTick);
  EXPECT_FALSE(redis.Again("k", {3, 2}, kStart + milliseconds(100)));
}

TEST(DenialCache, KeepsNothingThatHadRunOutWhenItCame) {
  DenialFixture redis({Ten()});
  DenyAnother(redis);
  redis.Deny("short", {1}, {Backlog(seconds(9) + milliseconds(20))}, kStart,
             kStart + milliseconds(20));
  redis.Deny("late", {3}, {Backlog(seconds(10))}, kStart, kStart + seconds(1));
  for (const Nanos now : {kStart, kStart + milliseconds(20), kStart + seconds(1)}) {
    EXPECT_FALSE(redis.Again("short", {1}, now));
    EXPECT_FALSE(redis.Again("late", {3}, now));
  }
}

TEST(DenialCache, CountsFromTheAnswerForWhoseClockIsBehindIt) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(10))}, kStart, kStart + milliseconds(30));
  const auto answer = redis.Again("k", {3}, kStart + milliseconds(29));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->decisions[0].retry_after, seconds(3)) << "no more than was told";
}

TEST(DenialCache, ALaterDenialTakesThePlaceOfAnEarlierOne) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(10))}, kStart, kStart);
  redis.Deny("k", {1}, {Backlog(seconds(10))}, kStart + milliseconds(500),
             kStart + milliseconds(500));
  EXPECT_TRUE(redis.Again("k", {1}, kStart + milliseconds(1499)));
}

TEST(DenialCache, AnswersNothingThatWasAskedBeforeAChange) {
  DenialFixture redis({Ten()});
  redis.Deny("k", {3}, {Backlog(seconds(10))}, kStart, kStart, 7);
  EXPECT_TRUE(redis.Again("k", {3}, kStart, 7)) << "asked when the change was known";
  EXPECT_FALSE(redis.Again("k", {3}, kStart, 8));
  EXPECT_FALSE(redis.Again("k", {3}, kStart, 7)) << "it was forgotten";
}

TEST(DenialCache, TellsApartCallersWhoseHashesNearlyAgree) {
  // The part of a hash that the table uses, with enough names that two of them must collide.
  std::vector<std::pair<std::uint64_t, std::size_t>> marks;
  for (std::size_t i = 0; i < 4'000'000; ++i) {
    const std::uint64_t hash = std::hash<std::string>()(Name(i));
    marks.emplace_back(hash >> 33 << 33 | hash % 1024, i);
  }
  std::ranges::sort(marks);
  const auto same = std::ranges::adjacent_find(marks, {}, &decltype(marks)::value_type::first);
  ASSERT_NE(same, marks.end());
  DenialFixture redis({Ten()});
  redis.Deny(Name(same->second), {3}, {Backlog(seconds(10))}, kStart, kStart);
  EXPECT_TRUE(redis.cache().MayHold(Name(next(same)->second), kStart)) << "by their hashes";
  EXPECT_FALSE(redis.Again(Name(next(same)->second), {3}, kStart));
  EXPECT_TRUE(redis.Again(Name(same->second), {3}, kStart));
}

TEST(DenialCache, HoldsABoundedNumberAndNearlyThatMany) {
  DenialFixture redis({Ten()});
  constexpr std::size_t kMany = DenialCache::kCapacity * 4;
  for (std::size_t i = 0; i < kMany; ++i) {
    redis.Deny(Name(i), {3}, {Backlog(seconds(10))}, kStart, kStart);
  }
  std::size_t held = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    if (redis.Again(Name(i), {3}, kStart)) ++held;
  }
  EXPECT_LE(held, DenialCache::kCapacity);
  EXPECT_GE(held, DenialCache::kCapacity * 9 / 10);
}

TEST(DenialCache, GivesUpWhatEndsFirst) {
  DenialFixture redis({Ten()});
  constexpr std::size_t kMany = DenialCache::kCapacity;
  const auto deny = [&](std::size_t i, Nanos life, Nanos at) {
    redis.Deny(Name(i), {3}, {Backlog(seconds(7) + life)}, at, at);
  };
  const auto count_held = [&](std::size_t from, std::size_t to, Nanos now) {
    std::size_t held = 0;
    for (std::size_t i = from; i < to; ++i) held += redis.Again(Name(i), {3}, now) ? 1 : 0;
    return held;
  };
  // Half of the room for lasting entries, then as many short ones as fit.
  for (std::size_t i = 0; i < kMany / 2; ++i) deny(i, seconds(1), kStart);
  const std::size_t lasting = count_held(0, kMany / 2, kStart);
  for (std::size_t i = kMany; i < kMany * 2; ++i) deny(i, milliseconds(300), kStart);
  EXPECT_GE(count_held(0, kMany / 2, kStart), lasting * 95 / 100);
  // Expired entries make room.
  const Nanos later = kStart + milliseconds(300);
  for (std::size_t i = kMany * 2; i < kMany * 9 / 4; ++i) deny(i, seconds(1), later);
  EXPECT_GE(count_held(0, kMany / 2, later), lasting * 9 / 10);
  EXPECT_GE(count_held(kMany * 2, kMany * 9 / 4, later), kMany / 4 * 9 / 10);
}

TEST(DenialCache, ThreadsAskAndKeepAtOnce) {
  DenialFixture redis({Ten()});
  std::atomic<bool> stop = false;
  std::thread keeper([&] {
    for (std::size_t i = 0; !stop; ++i) {
      redis.Deny(Name(i % 500), {3}, {Backlog(seconds(10))}, kStart, kStart);
    }
  });
  std::thread forgetter([&] {
    for (std::size_t i = 0; !stop; ++i) redis.cache().Forget(Name(i % 500));
  });
  std::size_t answered = 0;
  for (std::size_t i = 0; answered < 2000; ++i) {
    const auto answer = redis.Again(Name(i % 500), {3}, kStart + milliseconds(1));
    if (!answer) continue;
    ++answered;
    EXPECT_EQ(answer->decisions[0].retry_after, seconds(3) - milliseconds(1));
  }
  stop = true;
  keeper.join();
  forgetter.join();
}

}  // namespace
}  // namespace sluice::testing
