// Simulated calls hold their calls while they run, and give them back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/pictures.h"
#include "model/simulation.h"
#include "scenarios.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

ChosenPolicy Slots(std::string_view limit, std::string_view ttl, std::string_view hold,
                   std::string_view kind = "fixed") {
  return Chosen(kConcurrencyInfo,
                {{"limit", limit}, {"ttl", ttl}, {"hold", hold}, {"hold-kind", kind}});
}

TEST(Concurrency, ACallGivesItsSlotBackWhenItEnds) {
  Simulation simulation(Quiet(Slots("2", "10s", "1s")));
  simulation.Send(0, 1);
  simulation.AdvanceTo(300 * kMilli);
  simulation.Send(0, 1);
  simulation.Send(0, 1);
  const auto& requests = simulation.history().requests();
  EXPECT_TRUE(requests[1].decision.allowed);
  EXPECT_FALSE(requests[2].decision.allowed);
  EXPECT_EQ(requests[0].held, kOneSecond);
  EXPECT_EQ(requests[2].held, Nanos{0});
  simulation.AdvanceTo(kOneSecond - Nanos{1});
  EXPECT_EQ(simulation.Look(0).remaining, 0);
  simulation.AdvanceTo(kOneSecond);
  EXPECT_EQ(simulation.Look(0).remaining, 1);
  simulation.AdvanceTo(1300 * kMilli);
  EXPECT_EQ(simulation.Look(0).remaining, 2);
}

TEST(Concurrency, ACallThatEndsFreesTheSlotForOneOfTheSameMoment) {
  Scenario scenario = Quiet(Slots("1", "10s", "1s"));
  scenario.volleys = {{.count = 5, .from = Nanos{0}, .to = 4 * kOneSecond}};
  Simulation simulation(scenario);
  simulation.AdvanceTo(4 * kOneSecond);
  EXPECT_EQ(simulation.history().totals().admitted, 5);
}

TEST(Concurrency, ASlotExpiresBeforeACallThatNeverEnds) {
  Simulation simulation(Quiet(Slots("1", "1s", "1m")));
  simulation.Send(0, 1);
  EXPECT_EQ(simulation.history().requests()[0].held, kOneSecond);
  simulation.AdvanceTo(kOneSecond);
  simulation.Send(0, 1);
  EXPECT_TRUE(simulation.history().requests()[1].decision.allowed);
  // The end of the first call does not take the second one's slot.
  simulation.AdvanceTo(60 * kOneSecond);
  simulation.Send(0, 1);
  EXPECT_TRUE(simulation.history().requests()[2].decision.allowed);
  EXPECT_EQ(simulation.Look(0).remaining, 0);
}

TEST(Concurrency, NeverMoreCallsAtATimeThanTheLimit) {
  Simulation simulation(Busy(testing::TestSeed(), 2, kConcurrencyInfo));
  simulation.AdvanceTo(60 * kOneSecond);
  const auto& requests = simulation.history().requests();
  std::int64_t most = 0;
  for (const Request& request : requests) {
    const auto at_a_time = std::ranges::count_if(requests, [&](const Request& other) {
      return other.decision.allowed && other.caller == request.caller && other.at <= request.at &&
             other.HeldUntil() > request.at;
    });
    most = std::max<std::int64_t>(most, at_a_time);
  }
  EXPECT_EQ(most, 10);
}

TEST(Concurrency, HoldsAreExponentialAroundTheirMean) {
  const ChosenPolicy policy = Slots("1000000", "100s", "1s", "exponential");
  // A fixed seed, so that the bounds (four standard errors) never fail by chance.
  Scenario scenario{.policy = policy, .rate = 1000, .callers = 1, .seed = 11, .volleys = {}};
  Simulation simulation(scenario);
  simulation.AdvanceTo(20 * kOneSecond);
  double sum = 0;
  double beyond = 0;
  const auto& requests = simulation.history().requests();
  for (const Request& request : requests) {
    sum += static_cast<double>(request.held.count()) / 1e9;
    beyond += request.held > kOneSecond;
  }
  const auto count = static_cast<double>(requests.size());
  EXPECT_NEAR(sum / count, 1, 4 / std::sqrt(count));
  EXPECT_NEAR(beyond / count, std::exp(-1), 4 * 0.482 / std::sqrt(count));
}

TEST(Concurrency, WhatThePersonSendsChangesNoOtherCallsLength) {
  Simulation alone(Busy(3, 1, kConcurrencyInfo));
  Simulation watched(Busy(3, 1, kConcurrencyInfo));
  const ChosenPolicy wide = Chosen(kConcurrencyInfo, {{"limit", "1000"}});  // admits all
  for (Simulation* simulation : {&alone, &watched}) simulation->SetPolicy(wide);
  watched.Send(0, 1);
  alone.AdvanceTo(kOneSecond);
  watched.AdvanceTo(kOneSecond);
  EXPECT_EQ(alone.history().requests()[0].held, watched.history().requests()[1].held);
  EXPECT_EQ(alone.history().requests()[4].held, watched.history().requests()[5].held);
}

TEST(HoldingCalls, AreThoseOfTheCallsThatRunEachInItsOwnPlace) {
  Simulation simulation(Quiet(Slots("3", "10s", "1s")));
  for (int i = 0; i < 3; ++i) {
    simulation.Send(0, 1);
    simulation.AdvanceTo(simulation.now() + 200 * kMilli);
  }
  simulation.AdvanceTo(kOneSecond + 100 * kMilli);  // the first has ended
  simulation.Send(0, 1);
  const auto calls = HoldingCalls(simulation.history(), 0, simulation.now());
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0]->id, 2U);
  EXPECT_EQ(calls[0]->slot, 1U);
  EXPECT_EQ(calls[2]->id, 4U);
  EXPECT_EQ(calls[2]->slot, 0U);
  EXPECT_EQ(calls[2]->HeldUntil(), 2100 * kMilli);
  EXPECT_EQ(simulation.StateOf(0).numbers[0], 3);
  simulation.SetPolicy(Chosen(kTokenBucketInfo));
  EXPECT_TRUE(HoldingCalls(simulation.history(), 0, simulation.now()).empty());
}

}  // namespace
}  // namespace sluice::sim
