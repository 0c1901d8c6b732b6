// A run is the real limiter under the seeded traffic, and repeats to the byte.
#include "model/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "scenarios.h"
#include "support/policies.h"
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
            std::to_string(request.before.numbers[0]) + ' ' + std::to_string(request.held.count()) +
            ' ' + testing::Text(request.decision) + '\n';
  }
  return text;
}

class EveryAlgorithm : public ::testing::TestWithParam<const AlgorithmInfo*> {};

INSTANTIATE_TEST_SUITE_P(Simulation, EveryAlgorithm, ::testing::ValuesIn(kAlgorithms), CaseName);

TEST_P(EveryAlgorithm, TheSameSeedGivesTheSameHistory) {
  const std::uint64_t seed = testing::TestSeed();
  Simulation one(Busy(seed, 3, *GetParam()));
  one.AdvanceTo(30 * kOneSecond);
  Simulation stepped(Busy(seed, 3, *GetParam()));
  for (Nanos at{0}; at <= 30 * kOneSecond; at += 7 * kMilli) stepped.AdvanceTo(at);
  stepped.AdvanceTo(30 * kOneSecond);
  EXPECT_EQ(Text(one.history()), Text(stepped.history()));
  EXPECT_GT(one.history().totals().denied(), 0);
  EXPECT_GT(one.history().totals().admitted, 0);

  Simulation other(Busy(seed + 1, 3, *GetParam()));
  other.AdvanceTo(30 * kOneSecond);
  EXPECT_NE(Text(one.history()), Text(other.history()));
}

TEST_P(EveryAlgorithm, TheStateShownIsTheOneThatTheLimiterDecidedBy) {
  Simulation simulation(Busy(testing::TestSeed(), 2, *GetParam()));
  const std::vector<Policy> policies{
      {.name = "default", .algorithm = simulation.policy().algorithm}};
  const auto decide = [&](const Reading& state, std::int64_t cost, Nanos now) {
    const std::array asks{Ask{.cost = cost}};
    const std::array readings{state};
    std::array<Decision, 1> decisions;
    WriteDecisions(policies, asks, readings, Evaluate(policies, asks, readings, kNoWait),
                   {.now = now, .wall = ToMicros(now)}, decisions);
    return testing::Text(decisions[0]);
  };
  for (int i = 0; i < 400; ++i) {
    simulation.AdvanceTo(simulation.now() + 23 * kMilli);
    if (i % 9 == 0) simulation.Send(1, i % 4);
    for (const std::uint32_t caller : {0U, 1U}) {
      ASSERT_EQ(testing::Text(simulation.Look(caller)),
                decide(simulation.StateOf(caller), 0, simulation.now()));
    }
  }
  for (const Request& request : simulation.history().requests()) {
    ASSERT_EQ(testing::Text(request.decision), decide(request.before, request.cost, request.at))
        << "request " << request.id;
  }
}

TEST_P(EveryAlgorithm, MeetsTheSameRequests) {
  Simulation bucket(Busy(5));
  Simulation other(Busy(5, 1, *GetParam()));
  bucket.Send(0, 1);  // the user's own request: it changes no other traffic
  bucket.AdvanceTo(5 * kOneSecond);
  other.AdvanceTo(5 * kOneSecond);
  const auto& requests = other.history().requests();
  ASSERT_EQ(bucket.history().requests().size(), requests.size() + 1);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(bucket.history().requests()[i + 1].at, requests[i].at);
  }
}

TEST_P(EveryAlgorithm, StartsAnewAfterAnother) {
  Simulation simulation(Quiet(Chosen(*GetParam())));
  for (int i = 0; i < 5; ++i) simulation.Send(0, 1);
  EXPECT_EQ(simulation.Look(0).remaining, simulation.policy().limit() - 5);
  const bool bucket = GetParam() == &kTokenBucketInfo;
  simulation.SetPolicy(Chosen(bucket ? kGcraInfo : kTokenBucketInfo));
  EXPECT_EQ(simulation.Look(0).remaining, simulation.policy().limit());
  EXPECT_EQ(simulation.StateOf(0).numbers[0], 0);
}

TEST_P(EveryAlgorithm, KeepsWhatWasTakenWhenTheLimitIsChanged) {
  Simulation simulation(Quiet(Chosen(*GetParam())));
  for (int i = 0; i < 5; ++i) simulation.Send(0, 1);
  PolicyNumbers numbers = simulation.policy().numbers;
  numbers[GetParam()->most] = 7;
  simulation.SetPolicy(Chosen(numbers));
  EXPECT_EQ(simulation.Look(0).remaining, 2);
  EXPECT_EQ(simulation.history().policy_changes().size(), 2U);
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
  simulation.SetPolicy(Bucket(40, 10, kOneSecond));
  EXPECT_EQ(simulation.Look(0).remaining, 20);
  simulation.SetPolicy(Bucket(5, 10, kOneSecond));
  EXPECT_EQ(simulation.Look(0).remaining, 0);
  simulation.AdvanceTo(2 * kOneSecond);
  EXPECT_EQ(simulation.Look(0).remaining, 5);
}

TEST(Simulation, VolleysComeWhenTheyAreDue) {
  Scenario scenario = Busy(1);
  scenario.volleys = {{.count = 3, .from = kOneSecond, .to = kOneSecond}};
  Simulation simulation(scenario);
  Simulation plain(Busy(1));
  simulation.AdvanceTo(2 * kOneSecond);
  plain.AdvanceTo(2 * kOneSecond);
  const auto& requests = simulation.history().requests();
  EXPECT_EQ(requests.size(), plain.history().requests().size() + 3);
  EXPECT_EQ(std::ranges::count(requests, kOneSecond, &Request::at), 3);
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
