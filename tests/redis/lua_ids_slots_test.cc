// Slots of checks with an id: their holders, replays, and releases.
#include <gtest/gtest.h>

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "redis/lua_ids.h"

namespace sluice::testing {
namespace {

using redis::Completion;
using redis::Fault;
using redis::Request;

class LuaIdSlots : public LuaIds {};

TEST_F(LuaIdSlots, AReplayTakesAnExpiredSlotAgainForTheFirstHolder) {
  Run(Ask("id"));
  EXPECT_TRUE(Run(GiveBack("id", kHolder)).done);
  const Completion again = Run(Ask("id"));
  ASSERT_NE(again.replay, nullptr);
  EXPECT_EQ(again.replay->again, 2U);
  EXPECT_EQ(server_->Run({"ZCARD", std::string(kSlots)}).integers.at(0), 1);
  EXPECT_EQ(Get(kState), std::to_string(kSecond));
}

TEST_F(LuaIdSlots, ASlotReportedToAReplayIsNotReleased) {
  Run(Ask("id"));
  ASSERT_NE(Run(Ask("id", 1, Kind::kCheck, kRepeater)).replay, nullptr);
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  EXPECT_TRUE(IsHeld(kHolder));
  // Each is released once.
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIdSlots, AnUnreportedSlotIsReleased) {
  for (const bool first_leaves_first : {true, false}) {
    server_->Run({"FLUSHALL"});
    Run(Ask("id"));
    Run(Ask("id", 1, Kind::kCheck, kRepeater));
    EXPECT_FALSE(Run(GiveBack("id", first_leaves_first ? kHolder : kRepeater)).done);
    EXPECT_TRUE(Run(GiveBack("id", first_leaves_first ? kRepeater : kHolder)).done);
    EXPECT_FALSE(IsHeld(kHolder));
  }
}

TEST_F(LuaIdSlots, AReleaseMayPrecedeOrFollowAReplayInOneBatch) {
  const std::vector before = {Ask("id"), GiveBack("id", kHolder),
                              Ask("id", 1, Kind::kCheck, kRepeater)};
  auto done = DecideOn(*server_, ScriptAt(0), before);
  EXPECT_TRUE(done[1].done);
  ASSERT_NE(done[2].replay, nullptr);
  EXPECT_EQ(done[2].replay->again, 2U);
  server_->Run({"FLUSHALL"});
  const std::vector behind = {Ask("id"), Ask("id", 1, Kind::kCheck, kRepeater),
                              GiveBack("id", kHolder)};
  done = DecideOn(*server_, ScriptAt(0), behind);
  EXPECT_EQ(done[1].replay->again, 0U);
  EXPECT_FALSE(done[2].done);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIdSlots, ASlotTakenAgainHasANewHolder) {
  const HolderId third{3, 3};
  for (const bool others_leave : {true, false}) {
    server_->Run({"FLUSHALL"});
    Run(Ask("id"));
    Run(Ask("id", 1, Kind::kCheck, kRepeater));
    // The caller of the replay has released it.
    ASSERT_EQ(server_->Run({"ZREM", std::string(kSlots), HolderText(kHolder)}).integers.at(0), 1);
    EXPECT_EQ(Run(Ask("id", 1, Kind::kCheck, third)).replay->again, 2U);
    if (others_leave) {
      EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
      EXPECT_FALSE(Run(GiveBack("id", kRepeater)).done);
    }
    EXPECT_TRUE(IsHeld(kHolder));
    EXPECT_TRUE(Run(GiveBack("id", third)).done);
    EXPECT_FALSE(IsHeld(kHolder));
  }
}

TEST_F(LuaIdSlots, ADeniedReplayReportsNoSlot) {
  Run(Ask("id"));
  server_->Run({"ZREM", std::string(kSlots), HolderText(kHolder)});
  Run(Ask("other", 1, Kind::kCheck, {4, 4}));
  Run(Ask("another", 1, Kind::kCheck, {5, 5}));
  const std::string kept = Get(NameOf(Ask("id")));
  const Completion denied = Run(Ask("id", 1, Kind::kCheck, kRepeater));
  EXPECT_EQ(denied.replay->again, 2U);
  EXPECT_EQ(denied.readings[1].numbers[0], 2);
  EXPECT_EQ(Get(NameOf(Ask("id"))), kept);
}

TEST_F(LuaIdSlots, AfterEightReplaysNoSlotIsReleased) {
  Run(Ask("id"));
  for (std::uint64_t i = 1; i <= 8; ++i) Run(Ask("id", 1, Kind::kCheck, {i, i}));
  const std::string kept = Get(NameOf(Ask("id")));
  for (std::uint64_t i = 9; i <= 20; ++i) Run(Ask("id", 1, Kind::kCheck, {i, i}));
  EXPECT_EQ(Get(NameOf(Ask("id"))), kept);
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  for (std::uint64_t i = 1; i <= 20; ++i) EXPECT_FALSE(Run(GiveBack("id", {i, i})).done);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIdSlots, WithoutARecordNoSlotIsReleased) {
  Run(Ask("id"));
  // A replay may have reported it before the record was lost.
  server_->Run({"DEL", NameOf(Ask("id"))});
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  EXPECT_TRUE(IsHeld(kHolder));
  EXPECT_EQ(Run(GiveBack("never asked", kHolder)).fault, Fault::kNone);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIdSlots, AReplayDoesNotExtendTheLifeOfAnId) {
  const Request first = Ask("id");
  ASSERT_EQ(DecideOn(*server_, redis::ScriptText(), {&first, 1})[0].fault, Fault::kNone);
  // Makes the record 40 s old.
  std::istringstream words(Get(NameOf(first)));
  std::string print, holders, rest;
  std::int64_t at = 0;
  words >> print >> holders >> at;
  std::getline(words, rest);
  const std::string older = print + " " + holders + " " + std::to_string(at - 40'000'000) + rest;
  server_->Run({"SET", NameOf(first), older, "PX", "60000"});
  const Request repeat = Ask("id", 1, Kind::kCheck, kRepeater);
  ASSERT_NE(DecideOn(*server_, redis::ScriptText(), {&repeat, 1})[0].replay, nullptr);
  const std::int64_t left = server_->Run({"PTTL", NameOf(first)}).integers.at(0);
  EXPECT_GT(left, 10'000);
  EXPECT_LE(left, 20'001);
}

TEST_F(LuaIdSlots, AReplayThatCannotBeRecordedReportsNoSlot) {
  Run(Ask("id"));
  const Request repeat = Ask("id", 1, Kind::kCheck, kRepeater);
  const auto done = DecideOn(*server_, Refusing(NameOf(repeat)), {&repeat, 1});
  EXPECT_EQ(done[0].fault, Fault::kServer);
  EXPECT_TRUE(Run(GiveBack("id", kHolder)).done);
}

}  // namespace
}  // namespace sluice::testing
