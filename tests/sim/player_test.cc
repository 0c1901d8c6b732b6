// Play, pause, speed, step, restart.
#include "model/player.h"

#include <gtest/gtest.h>

#include "scenarios.h"

namespace sluice::sim {
namespace {

TEST(Player, StandsStillUntilItPlays) {
  Player player(Busy(1));
  player.Tick(50 * kMilli);
  EXPECT_EQ(player.simulation().now(), Nanos{0});
  player.SetPlaying(true);
  player.Tick(50 * kMilli);
  EXPECT_EQ(player.simulation().now(), 50 * kMilli);
}

TEST(Player, SpeedMultipliesTime) {
  Player player(Quiet());
  player.SetPlaying(true);
  player.SetSpeed(0.5);
  player.Tick(50 * kMilli);
  EXPECT_EQ(player.simulation().now(), 25 * kMilli);
  player.SetSpeed(1e9);
  EXPECT_EQ(player.speed(), kFastest);
  player.SetSpeed(0);
  EXPECT_EQ(player.speed(), kSlowest);
}

TEST(Player, AHungWindowDoesNotLeapAhead) {
  Player player(Quiet());
  player.SetPlaying(true);
  player.Tick(std::chrono::hours(1));
  EXPECT_EQ(player.simulation().now(), 100 * kMilli);
  player.Tick(Nanos{-5});
  EXPECT_EQ(player.simulation().now(), 100 * kMilli);
}

TEST(Player, AStepPauses) {
  Player player(Busy(1));
  player.SetPlaying(true);
  EXPECT_TRUE(player.StepEvent());
  EXPECT_FALSE(player.playing());
  EXPECT_EQ(player.simulation().history().requests().size(), 1U);
}

TEST(Player, ARestartTakesTheNumbersNowSet) {
  Player player(Busy(1));
  player.simulation().AdvanceTo(kOneSecond);
  player.simulation().SetRate(50);
  player.simulation().SetPolicy(Bucket(3, 3, kOneSecond));
  player.Restart(9);
  EXPECT_EQ(player.simulation().now(), Nanos{0});
  EXPECT_TRUE(player.simulation().history().requests().empty());
  EXPECT_EQ(player.simulation().scenario().seed, 9U);
  EXPECT_EQ(player.simulation().scenario().rate, 50);
  EXPECT_EQ(player.simulation().Look(0).limit, 3);

  Player fresh(player.simulation().scenario());
  player.simulation().AdvanceTo(kOneSecond);
  fresh.simulation().AdvanceTo(kOneSecond);
  EXPECT_EQ(player.simulation().history().requests().back().at,
            fresh.simulation().history().requests().back().at);
}

}  // namespace
}  // namespace sluice::sim
