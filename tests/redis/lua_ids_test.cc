// Ids in the script on a real server: how they are kept, and what happens when they cannot be.
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "redis/redis_server.h"
#include "redis/redis_under_test.h"
#include "redis/script_runner.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using redis::Completion;
using redis::Details;
using redis::Fault;
using redis::PolicySet;
using redis::Request;
using Kind = Request::Kind;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr HolderId kHolder{0x0123456789abcdef, 0xfedcba9876543210};
constexpr HolderId kRepeater{0x1111111111111111, 0x2222222222222222};
constexpr std::string_view kState = "t:{k}:a:tb1";
constexpr std::string_view kSlots = "t:{k}:n:co1:z";

class LuaIds : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  static Request Ask(std::string_view id, std::int64_t cost = 1, Kind kind = Kind::kCheck,
                     HolderId holder = kHolder) {
    auto details = std::make_shared<Details>();
    details->id = DigestOf(id);
    details->print = DigestOf("cost " + std::to_string(cost));
    details->holder = HolderText(holder);
    Request request;
    request.kind = kind;
    request.set = set_;
    request.key = redis::EscapedKey("k");
    request.costs = cost;
    request.details = std::move(details);
    return request;
  }
  static std::string NameOf(const Request& request) {
    std::string name;
    redis::AppendIdName(request, name);
    return name;
  }
  static Completion Run(const Request& request, std::int64_t now = 0) {
    return DecideOn(*server_, ScriptAt(now), {&request, 1})[0];
  }
  // What a link asks of a check's slot when nobody was given the answer.
  static Request GiveBack(std::string_view id, HolderId holder) {
    return Ask(id, 1, Kind::kRelease, holder);
  }
  static bool IsHeld(HolderId holder) {
    return server_->Run({"ZSCORE", std::string(kSlots), HolderText(holder)}).kind ==
           redis::Reply::Kind::kText;
  }
  static std::string Get(std::string_view name) {
    return server_->Text({"GET", std::string(name)});
  }
  // All but ids: a clock that steps back would have them deny.
  static void ForgetStates() { server_->Run({"DEL", std::string(kState), "t:{k}:n:co1:z"}); }
  static std::int64_t Count() { return server_->Run({"DBSIZE"}).integers.at(0); }
  // The shipped script in front of a server that refuses to change `name`.
  static std::string Refusing(const std::string& name) {
    return "local real = redis\n"
           "local redis = {call = real.call, pcall = function(name, key, ...)\n"
           "  if name ~= 'MGET' and key == '" +
           name +
           "' then return {err = 'OOM made up'} end\n"
           "  return real.pcall(name, key, ...)\n"
           "end}\n" +
           ScriptAt(0);
  }

  static inline std::unique_ptr<RedisServer> server_;
  static inline const auto set_ = std::make_shared<const PolicySet>(
      std::vector<Policy>{BucketPolicy("a", 5, 1, std::chrono::seconds(1)),
                          {.name = "n", .algorithm = Slots(2, std::chrono::seconds(10))}},
      "t");
};

TEST_F(LuaIds, AreKeptBesideTheKeyForAMinute) {
  const Request request = Ask("id");
  redis::ScriptCall call;
  call.Describe({&request, 1});
  ASSERT_EQ(call.keys(), 4U);
  EXPECT_EQ(call.key(3), "t:{k}:id1:" + DigestOf("id"));
  // At the server's own time, so that its times to live are the real ones.
  ASSERT_EQ(DecideOn(*server_, redis::ScriptText(), {&request, 1})[0].fault, Fault::kNone);
  const std::int64_t left = server_->Run({"PTTL", std::string(call.key(3))}).integers.at(0);
  EXPECT_GT(left, 50'000);
  EXPECT_LE(left, 60'001);
}

TEST_F(LuaIds, AreKnownForAMinuteAlsoByAClockThatStepsBack) {
  constexpr std::int64_t kCharged = 1'000 * kSecond;
  constexpr std::int64_t kMicrosecond = 1'000;
  for (const int way : {1, -1}) {
    server_->Run({"FLUSHALL"});
    Run(Ask("id"), kCharged);
    EXPECT_NE(Run(Ask("id"), kCharged + way * (60 * kSecond - kMicrosecond)).repeat, nullptr);
    ForgetStates();
    const Completion anew = Run(Ask("id"), kCharged + way * 60 * kSecond);
    EXPECT_EQ(anew.repeat, nullptr) << way;
    EXPECT_TRUE(anew.charged) << way;
  }
}

TEST_F(LuaIds, OneThatIsChargedAnewIsKeptForAnotherMinute) {
  const std::string name = NameOf(Ask("id"));
  Run(Ask("id"), 0);
  ASSERT_EQ(server_->Run({"PERSIST", name}).integers.at(0), 1);
  ForgetStates();
  const Request request = Ask("id");
  ASSERT_TRUE(DecideOn(*server_, redis::ScriptText(), {&request, 1})[0].charged);
  const std::int64_t left = server_->Run({"PTTL", name}).integers.at(0);
  EXPECT_GT(left, 50'000);
  EXPECT_LE(left, 60'001);
}

TEST_F(LuaIds, OfAsManyPoliciesAsThereMayBe) {
  std::vector<Policy> policies;
  for (std::size_t i = 0; i < kMaxPolicies; ++i) {
    policies.push_back(
        {.name = "p" + std::to_string(i), .algorithm = Log(100'000, std::chrono::days(100))});
  }
  Request request = Ask("id");
  request.set = std::make_shared<const PolicySet>(policies, "t");
  request.costs = 99'999;
  ASSERT_TRUE(Run(request).charged);
  // The longest text that there may be: numbers of many digits.
  Request other = request;
  other.costs = 1;
  other.details = Ask("other").details;
  ASSERT_TRUE(Run(other, kSecond).charged);
  const Completion again = Run(other, kSecond);
  EXPECT_EQ(again.fault, Fault::kNone);
  ASSERT_NE(again.repeat, nullptr);
  EXPECT_EQ(again.repeat->charged, (1U << kMaxPolicies) - 1);
}

TEST_F(LuaIds, SayWhatWasChargedAndForWhom) {
  Run(Ask("id", 2), 1'000 * kSecond);
  EXPECT_EQ(Get(NameOf(Ask("id"))), DigestOf("cost 2") + " " + HolderText(kHolder) + "," +
                                        HolderText(kHolder) + " 1000000000 3 0 0 0 0");
  const Completion again = Run(Ask("id", 2), 1'001 * kSecond);
  ASSERT_NE(again.repeat, nullptr);
  EXPECT_EQ(again.repeat->at, Micros{1'000'000'000});
  EXPECT_EQ(again.repeat->charged, 3U);
  EXPECT_EQ(again.repeat->again, 0U);
  EXPECT_EQ(again.repeat->holder, kHolder);
  EXPECT_EQ(again.readings[0].numbers[0], kSecond);
  EXPECT_FALSE(again.charged);
}

TEST_F(LuaIds, OneThatStandsTwiceInABatchIsChargedOnce) {
  const std::vector batch = {Ask("id"), Ask("id"), Ask("id", 2), Ask("other")};
  const auto done = DecideOn(*server_, ScriptAt(0), batch);
  EXPECT_TRUE(done[0].charged);
  EXPECT_EQ(done[0].repeat, nullptr);
  EXPECT_NE(done[1].repeat, nullptr);
  EXPECT_TRUE(done[2].id_reused);
  EXPECT_TRUE(done[3].charged);
  EXPECT_EQ(Get(kState), std::to_string(2 * kSecond));
}

TEST_F(LuaIds, OfEqualChecksInABatchEachHasItsOwnPrint) {
  std::vector batch = {Ask("one"), Ask("two")};
  auto details = std::make_shared<Details>(*batch[1].details);
  details->print = DigestOf("another plan");
  batch[1].details = std::move(details);
  DecideOn(*server_, ScriptAt(0), batch);
  const auto again = DecideOn(*server_, ScriptAt(0), batch);
  EXPECT_NE(again[0].repeat, nullptr);
  EXPECT_NE(again[1].repeat, nullptr);
  EXPECT_TRUE(Run(Ask("two")).id_reused);
}

TEST_F(LuaIds, ADebitOrCreditIsDoneOnce) {
  const std::vector debits = {Ask("d", 3, Kind::kDebit), Ask("d", 3, Kind::kDebit)};
  for (const Completion& done : DecideOn(*server_, ScriptAt(0), debits)) {
    EXPECT_EQ(done.fault, Fault::kNone);
  }
  EXPECT_EQ(Get(kState), std::to_string(3 * kSecond));
  Run(Ask("c", 1, Kind::kCredit));
  Run(Ask("c", 1, Kind::kCredit));
  EXPECT_EQ(Get(kState), std::to_string(2 * kSecond));
}

TEST_F(LuaIds, WhatIsTakenBackIsForgotten) {
  Run(Ask("id"));
  Request abort = Ask("id", 1, Kind::kAbort);
  auto details = std::make_shared<Details>(*abort.details);
  details->marks = {kSecond, 0};
  abort.details = std::move(details);
  EXPECT_EQ(Run(abort).fault, Fault::kNone);
  EXPECT_EQ(server_->Run({"EXISTS", NameOf(Ask("id"))}).integers.at(0), 0);
  EXPECT_TRUE(Run(Ask("id")).charged);
}

TEST_F(LuaIds, WhatIsTakenBackLeavesAValueOfAnotherTypeAlone) {
  Request abort = Ask("id", 1, Kind::kAbort);
  auto details = std::make_shared<Details>(*abort.details);
  details->marks = {kSecond, 0};
  abort.details = std::move(details);
  const std::string name = NameOf(abort);
  server_->Run({"RPUSH", name, "x"});
  EXPECT_EQ(Run(abort).fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"TYPE", name}), "list");
}

TEST_F(LuaIds, AForeignValueFailsThatCheckAloneAndNothingIsCharged) {
  const std::string name = NameOf(Ask("id"));
  const std::string holder = HolderText(kHolder);
  const std::string print = DigestOf("cost 1");
  const std::vector values = {std::string(),
                              std::string("hello"),
                              std::string(5'000, '1'),
                              print,
                              print + " " + holder + " 0",
                              print + " " + holder + ",x 0 3 0 0 0 0",
                              print + " " + holder + " 0 3 0 0 0",
                              print + " " + holder + " 0 3 0 0 0 0 0",
                              print + " " + holder + " 0 4 0 0 0 0",
                              print + " " + holder + " 0 3 -3 0 0 0",
                              print + " " + holder + " 0 3 9e15 0 0 0",
                              print + " " + holder + " 0 3 9999999999999999 0 0 0",
                              print + " " + holder + " 0 3 0 5000000000000000 0 0",
                              print + " - 0 3 0 0 0 0",
                              print + " " + holder + " 99999999999999999999 3 0 0 0 0"};
  for (const std::string& value : values) {
    server_->Run({"FLUSHALL"});
    server_->Run({"SET", name, value});
    const std::vector batch = {Ask("before"), Ask("id"), Ask("after")};
    const auto done = DecideOn(*server_, ScriptAt(0), batch);
    EXPECT_EQ(done[0].fault, Fault::kNone) << value;
    EXPECT_EQ(done[1].fault, Fault::kForeign) << value;
    EXPECT_EQ(done[2].fault, Fault::kNone) << value;
    EXPECT_EQ(Get(name), value);
    EXPECT_EQ(Get(kState), std::to_string(2 * kSecond)) << value;
  }
}

TEST_F(LuaIds, AValueOfAnotherTypeIsLeftAloneAndTheChargeUndone) {
  const std::string name = NameOf(Ask("id"));
  server_->Run({"RPUSH", name, "x"});
  EXPECT_EQ(Run(Ask("id")).fault, Fault::kForeign);
  EXPECT_EQ(server_->Text({"TYPE", name}), "list");
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(Run(Ask("id", 1, Kind::kDebit)).fault, Fault::kForeign);
  EXPECT_EQ(Count(), 1);
}

TEST_F(LuaIds, WhereTheIdCannotBeKeptNothingIsCharged) {
  const std::string name = NameOf(Ask("id"));
  for (const Kind kind : {Kind::kCheck, Kind::kDebit}) {
    const std::vector batch = {Ask("id", 2, kind), Ask("other", 1, kind)};
    const auto done = DecideOn(*server_, Refusing(name), batch);
    EXPECT_EQ(done[0].fault, Fault::kServer);
    EXPECT_EQ(done[0].detail, "OOM made up");
    EXPECT_EQ(done[1].fault, Fault::kNone);
    EXPECT_EQ(Get(kState), std::to_string(kSecond));
    EXPECT_EQ(server_->Run({"EXISTS", name}).integers.at(0), 0);
    server_->Run({"FLUSHALL"});
  }
}

TEST_F(LuaIds, WhereTheChargeFailsNoIdIsKept) {
  const auto done = DecideOn(*server_, Refusing(std::string(kState)), std::vector{Ask("id")});
  EXPECT_EQ(done[0].fault, Fault::kServer);
  EXPECT_EQ(Count(), 0);
}

TEST_F(LuaIds, ASlotThatIsGoneIsTakenAgainByTheFirstsHolder) {
  Run(Ask("id"));
  EXPECT_TRUE(Run(GiveBack("id", kHolder)).done);
  const Completion again = Run(Ask("id"));
  ASSERT_NE(again.repeat, nullptr);
  EXPECT_EQ(again.repeat->again, 2U);
  EXPECT_TRUE(again.charged);
  EXPECT_EQ(server_->Run({"ZCARD", "t:{k}:n:co1:z"}).integers.at(0), 1);
  EXPECT_EQ(Get(kState), std::to_string(kSecond));
}

TEST_F(LuaIds, ASlotThatARepeatWasToldOfIsNotGivenBack) {
  Run(Ask("id"));
  ASSERT_NE(Run(Ask("id", 1, Kind::kCheck, kRepeater)).repeat, nullptr);
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  EXPECT_TRUE(IsHeld(kHolder));
  // Each leaves once.
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIds, ASlotThatNobodyWasToldOfIsGivenBack) {
  for (const bool first_leaves_first : {true, false}) {
    server_->Run({"FLUSHALL"});
    Run(Ask("id"));
    Run(Ask("id", 1, Kind::kCheck, kRepeater));
    EXPECT_FALSE(Run(GiveBack("id", first_leaves_first ? kHolder : kRepeater)).done);
    EXPECT_TRUE(Run(GiveBack("id", first_leaves_first ? kRepeater : kHolder)).done);
    EXPECT_FALSE(IsHeld(kHolder));
  }
}

TEST_F(LuaIds, ASlotIsGivenBackBeforeOrBehindItsRepeatInOneBatch) {
  const std::vector before = {Ask("id"), GiveBack("id", kHolder),
                              Ask("id", 1, Kind::kCheck, kRepeater)};
  auto done = DecideOn(*server_, ScriptAt(0), before);
  EXPECT_TRUE(done[1].done);
  ASSERT_NE(done[2].repeat, nullptr);
  EXPECT_EQ(done[2].repeat->again, 2U);
  server_->Run({"FLUSHALL"});
  const std::vector behind = {Ask("id"), Ask("id", 1, Kind::kCheck, kRepeater),
                              GiveBack("id", kHolder)};
  done = DecideOn(*server_, ScriptAt(0), behind);
  EXPECT_EQ(done[1].repeat->again, 0U);
  EXPECT_FALSE(done[2].done);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIds, WhoTakesASlotAgainSharesItWithNobodyBefore) {
  const HolderId third{3, 3};
  for (const bool others_leave : {true, false}) {
    server_->Run({"FLUSHALL"});
    Run(Ask("id"));
    Run(Ask("id", 1, Kind::kCheck, kRepeater));
    // Whoever was told has released it.
    ASSERT_EQ(server_->Run({"ZREM", std::string(kSlots), HolderText(kHolder)}).integers.at(0), 1);
    EXPECT_EQ(Run(Ask("id", 1, Kind::kCheck, third)).repeat->again, 2U);
    if (others_leave) {
      EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
      EXPECT_FALSE(Run(GiveBack("id", kRepeater)).done);
    }
    EXPECT_TRUE(IsHeld(kHolder));
    EXPECT_TRUE(Run(GiveBack("id", third)).done);
    EXPECT_FALSE(IsHeld(kHolder));
  }
}

TEST_F(LuaIds, ARepeatThatIsDeniedASlotIsToldOfNone) {
  Run(Ask("id"));
  server_->Run({"ZREM", std::string(kSlots), HolderText(kHolder)});
  Run(Ask("other", 1, Kind::kCheck, {4, 4}));
  Run(Ask("another", 1, Kind::kCheck, {5, 5}));
  const std::string kept = Get(NameOf(Ask("id")));
  const Completion denied = Run(Ask("id", 1, Kind::kCheck, kRepeater));
  EXPECT_EQ(denied.repeat->again, 2U);
  EXPECT_EQ(denied.readings[1].numbers[0], 2);
  EXPECT_EQ(Get(NameOf(Ask("id"))), kept);
}

TEST_F(LuaIds, OfMoreThanEightCallsNoneIsKnownToBeTheLast) {
  Run(Ask("id"));
  for (std::uint64_t i = 1; i <= 8; ++i) Run(Ask("id", 1, Kind::kCheck, {i, i}));
  const std::string kept = Get(NameOf(Ask("id")));
  for (std::uint64_t i = 9; i <= 20; ++i) Run(Ask("id", 1, Kind::kCheck, {i, i}));
  EXPECT_EQ(Get(NameOf(Ask("id"))), kept);
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  for (std::uint64_t i = 1; i <= 20; ++i) EXPECT_FALSE(Run(GiveBack("id", {i, i})).done);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIds, WithoutARecordNothingIsGivenBack) {
  Run(Ask("id"));
  // It may have been told of by whoever asked before the record was lost.
  server_->Run({"DEL", NameOf(Ask("id"))});
  EXPECT_FALSE(Run(GiveBack("id", kHolder)).done);
  EXPECT_TRUE(IsHeld(kHolder));
  EXPECT_EQ(Run(GiveBack("never asked", kHolder)).fault, Fault::kNone);
  EXPECT_TRUE(IsHeld(kHolder));
}

TEST_F(LuaIds, ARepeatDoesNotMakeAnIdLastLonger) {
  const Request first = Ask("id");
  ASSERT_EQ(DecideOn(*server_, redis::ScriptText(), {&first, 1})[0].fault, Fault::kNone);
  // As if that had been 40 s ago.
  std::istringstream words(Get(NameOf(first)));
  std::string print, holders, rest;
  std::int64_t at = 0;
  words >> print >> holders >> at;
  std::getline(words, rest);
  const std::string older = print + " " + holders + " " + std::to_string(at - 40'000'000) + rest;
  server_->Run({"SET", NameOf(first), older, "PX", "60000"});
  const Request repeat = Ask("id", 1, Kind::kCheck, kRepeater);
  ASSERT_NE(DecideOn(*server_, redis::ScriptText(), {&repeat, 1})[0].repeat, nullptr);
  const std::int64_t left = server_->Run({"PTTL", NameOf(first)}).integers.at(0);
  EXPECT_GT(left, 10'000);
  EXPECT_LE(left, 20'001);
}

TEST_F(LuaIds, WhereARepeatCannotBeNotedItIsNotToldOfTheSlot) {
  Run(Ask("id"));
  const Request repeat = Ask("id", 1, Kind::kCheck, kRepeater);
  const auto done = DecideOn(*server_, Refusing(NameOf(repeat)), {&repeat, 1});
  EXPECT_EQ(done[0].fault, Fault::kServer);
  EXPECT_TRUE(Run(GiveBack("id", kHolder)).done);
}

}  // namespace
}  // namespace sluice::testing
