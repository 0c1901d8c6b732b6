// A run is the real limiter under the seeded traffic, and repeats to the byte.
#include "model/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "model/series.h"
#include "scenarios.h"
#include "support/reference_bucket.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

// Equal texts, equal histories.
std::string Text(const History& history) {
  std::string text;
  for (const Request& request : history.requests()) {
    text += std::to_string(request.id) + ' ' + std::to_string(request.at.count()) + ' ' +
            std::to_string(request.caller) + ' ' + std::to_string(request.cost) + ' ' +
            std::to_string(request.backlog_before.count()) + ' ' + testing::Text(request.decision) +
            '\n';
  }
  return text;
}

TEST(Simulation, TheSameSeedGivesTheSameHistory) {
  const std::uint64_t seed = testing::TestSeed();
  Simulation one(Busy(seed, 3));
  one.AdvanceTo(30 * kOneSecond);
  Simulation stepped(Busy(seed, 3));
  for (Nanos at{0}; at <= 30 * kOneSecond; at += 7 * kMilli) stepped.AdvanceTo(at);
  stepped.AdvanceTo(30 * kOneSecond);
  EXPECT_EQ(Text(one.history()), Text(stepped.history()));

  Simulation other(Busy(seed + 1, 3));
  other.AdvanceTo(30 * kOneSecond);
  EXPECT_NE(Text(one.history()), Text(other.history()));
}

TEST(Simulation, DecidesAsATextbookBucketDoes) {
  const std::uint64_t seed = testing::TestSeed();
  Simulation simulation(Busy(seed, 2));
  simulation.AdvanceTo(60 * kOneSecond);
  std::vector<testing::ReferenceBucket> buckets(2, {20, 10, kOneSecond});
  for (const Request& request : simulation.history().requests()) {
    testing::ReferenceBucket& bucket = buckets[request.caller];
    const bool affords = bucket.Affords(request.cost, request.at);
    if (affords) bucket.Take(request.cost, request.at);
    const Decision expected = bucket.Describe(request.cost, request.at, affords);
    ASSERT_EQ(testing::Text(request.decision), testing::Text(expected)) << "request " << request.id;
  }
}

TEST(Simulation, TotalsAreTheSumOfTheHistory) {
  Simulation simulation(Busy(testing::TestSeed(), 3));
  simulation.AdvanceTo(20 * kOneSecond);
  simulation.Send(1, 7);
  Totals all;
  std::vector<Totals> by_caller(3);
  for (const Request& request : simulation.history().requests()) {
    all.Add(request);
    by_caller[request.caller].Add(request);
  }
  const auto expect_equal = [](const Totals& a, const Totals& b) {
    EXPECT_EQ(a.requests, b.requests);
    EXPECT_EQ(a.admitted, b.admitted);
    EXPECT_EQ(a.units_offered, b.units_offered);
    EXPECT_EQ(a.units_admitted, b.units_admitted);
  };
  EXPECT_EQ(static_cast<std::size_t>(all.requests), simulation.history().requests().size());
  EXPECT_GT(all.denied(), 0);
  expect_equal(simulation.history().totals(), all);
  for (std::size_t caller = 0; caller < 3; ++caller) {
    expect_equal(simulation.history().per_caller()[caller], by_caller[caller]);
  }
}

TEST(Simulation, NotesTheNumbersThatTheRuleWasGiven) {
  Simulation simulation(Busy(testing::TestSeed()));
  simulation.AdvanceTo(20 * kOneSecond);
  for (const Request& request : simulation.history().requests()) {
    EXPECT_EQ(request.decision.allowed, request.Need() <= request.RoomBefore());
    const Nanos charged = request.decision.allowed ? request.Need() : Nanos{0};
    EXPECT_EQ(request.decision.reset_after, request.backlog_before + charged);
  }
}

TEST(Simulation, StepsToTheNextRequestAndNoFurther) {
  Simulation simulation(Busy(1));
  const Nanos next = *simulation.NextArrival();
  EXPECT_TRUE(simulation.StepEvent());
  EXPECT_EQ(simulation.now(), next);
  EXPECT_EQ(simulation.history().requests().size(), 1U);

  Simulation quiet(Quiet());
  EXPECT_FALSE(quiet.StepEvent());
  EXPECT_EQ(quiet.now(), Nanos{0});
}

TEST(Simulation, NeverGoesBack) {
  Simulation simulation(Quiet());
  simulation.AdvanceTo(kOneSecond);
  simulation.AdvanceTo(kMilli);
  EXPECT_EQ(simulation.now(), kOneSecond);
}

TEST(Simulation, TheOwnRequestTakesFromTheCallersBucket) {
  Simulation simulation(Quiet());
  simulation.Send(0, 15);
  simulation.Send(0, 15);
  const auto& requests = simulation.history().requests();
  EXPECT_TRUE(requests[0].decision.allowed);
  EXPECT_FALSE(requests[1].decision.allowed);
  EXPECT_EQ(requests[1].decision.retry_after, kOneSecond);
  EXPECT_EQ(requests[1].origin, Origin::kPerson);
  EXPECT_EQ(simulation.Look(0).remaining, 5);

  simulation.Send(0, 21);
  EXPECT_EQ(requests[2].decision.retry_after, kNever);
}

TEST(Simulation, OtherNumbersKeepWhatWasTaken) {
  Simulation simulation(Quiet());
  simulation.Send(0, 20);
  simulation.SetBucket(testing::Bucket(40, 10, kOneSecond));
  EXPECT_EQ(simulation.Look(0).remaining, 20);
  simulation.SetBucket(testing::Bucket(5, 10, kOneSecond));
  EXPECT_EQ(simulation.Look(0).remaining, 0);
  simulation.AdvanceTo(2 * kOneSecond);
  EXPECT_EQ(simulation.Look(0).remaining, 5);
}

TEST(History, ForgetsTheOldestRequestsAndKeepsTheTotals) {
  History history(1, 3);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    history.Add(Request{.id = id, .at = Nanos{static_cast<std::int64_t>(id) * 10}});
  }
  EXPECT_TRUE(history.truncated());
  EXPECT_EQ(history.requests().size(), 3U);
  EXPECT_EQ(history.totals().requests, 5);
  EXPECT_EQ(history.Find(2), nullptr);
  ASSERT_NE(history.Find(3), nullptr);
  EXPECT_EQ(history.Find(3)->at, Nanos{30});
  EXPECT_EQ(history.LastBefore(0, Nanos{50})->id, 4U);
  EXPECT_EQ(history.LastBefore(0, Nanos{30}), nullptr);
}

}  // namespace
}  // namespace sluice::sim
