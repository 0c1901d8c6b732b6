// Ids in the script: their storage, and failures to store them.
#include "redis/lua_ids.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sluice::testing {
namespace {

using redis::Completion;
using redis::Fault;
using redis::PolicySet;
using redis::Request;

TEST_F(LuaIds, AreStoredForAMinute) {
  const Request request = Ask("id");
  redis::ScriptCall call;
  call.Describe({&request, 1});
  ASSERT_EQ(call.keys(), 4U);
  EXPECT_EQ(call.key(3), "t:{k}:id1:" + DigestOf("id"));
  // At the server's own time, for real times to live.
  ASSERT_EQ(DecideOn(*server_, redis::ScriptText(), {&request, 1})[0].fault, Fault::kNone);
  const std::int64_t left = server_->Run({"PTTL", std::string(call.key(3))}).integers.at(0);
  EXPECT_GT(left, 50'000);
  EXPECT_LE(left, 60'001);
}

TEST_F(LuaIds, AreKnownForAMinuteThoughTheClockStepsBack) {
  constexpr std::int64_t kCharged = 1'000 * kSecond;
  constexpr std::int64_t kMicrosecond = 1'000;
  for (const int way : {1, -1}) {
    server_->Run({"FLUSHALL"});
    Run(Ask("id"), kCharged);
    EXPECT_NE(Run(Ask("id"), kCharged + way * (60 * kSecond - kMicrosecond)).replay, nullptr);
    ForgetStates();
    const Completion anew = Run(Ask("id"), kCharged + way * 60 * kSecond);
    EXPECT_EQ(anew.replay, nullptr) << way;
    EXPECT_NE(Get(kState), "") << way;
  }
}

TEST_F(LuaIds, ANewChargeIsStoredForAnotherMinute) {
  const std::string name = NameOf(Ask("id"));
  Run(Ask("id"), 0);
  ASSERT_EQ(server_->Run({"PERSIST", name}).integers.at(0), 1);
  ForgetStates();
  const Request request = Ask("id");
  ASSERT_EQ(DecideOn(*server_, redis::ScriptText(), {&request, 1})[0].fault, Fault::kNone);
  const std::int64_t left = server_->Run({"PTTL", name}).integers.at(0);
  EXPECT_GT(left, 50'000);
  EXPECT_LE(left, 60'001);
}

TEST_F(LuaIds, WorkWithTheMostPolicies) {
  std::vector<Policy> policies;
  for (std::size_t i = 0; i < kMaxPolicies; ++i) {
    policies.push_back(
        {.name = "p" + std::to_string(i), .algorithm = Log(100'000, std::chrono::days(100))});
  }
  Request request = Ask("id");
  request.set = std::make_shared<const PolicySet>(policies, "t");
  request.costs = 99'999;
  ASSERT_EQ(Run(request).fault, Fault::kNone);
  // The longest possible text: numbers of many digits.
  Request other = request;
  other.costs = 1;
  other.digests = Ask("other").digests;
  ASSERT_EQ(Run(other, kSecond).fault, Fault::kNone);
  const Completion again = Run(other, kSecond);
  EXPECT_EQ(again.fault, Fault::kNone);
  ASSERT_NE(again.replay, nullptr);
  EXPECT_EQ(again.replay->charged, (1U << kMaxPolicies) - 1);
}

TEST_F(LuaIds, StoreTheChargeAndItsHolder) {
  Run(Ask("id", 2), 1'000 * kSecond);
  EXPECT_EQ(Get(NameOf(Ask("id"))), DigestOf("cost 2") + " " + HolderText(kHolder) + "," +
                                        HolderText(kHolder) + " 1000000000 3 0 0 0 0");
  const Completion again = Run(Ask("id", 2), 1'001 * kSecond);
  ASSERT_NE(again.replay, nullptr);
  EXPECT_EQ(again.replay->at, Micros{1'000'000'000});
  EXPECT_EQ(again.replay->charged, 3U);
  EXPECT_EQ(again.replay->again, 0U);
  EXPECT_EQ(again.replay->holder, kHolder);
  EXPECT_EQ(again.readings[0].numbers[0], kSecond);
  EXPECT_EQ(Get(kState), std::to_string(1'002 * kSecond));
}

TEST_F(LuaIds, AnIdThatIsTwiceInABatchIsChargedOnce) {
  const std::vector batch = {Ask("id"), Ask("id"), Ask("id", 2), Ask("other")};
  const auto done = DecideOn(*server_, ScriptAt(0), batch);
  EXPECT_EQ(done[0].replay, nullptr);
  EXPECT_NE(done[1].replay, nullptr);
  EXPECT_TRUE(done[2].id_reused);
  EXPECT_EQ(Get(kState), std::to_string(2 * kSecond));
}

TEST_F(LuaIds, EqualChecksInABatchHaveSeparatePrints) {
  std::vector batch = {Ask("one"), Ask("two")};
  batch[1].digests = std::make_shared<redis::IdDigests>(
      redis::IdDigests{.name = batch[1].digests->name, .fingerprint = DigestOf("another plan")});
  DecideOn(*server_, ScriptAt(0), batch);
  const auto again = DecideOn(*server_, ScriptAt(0), batch);
  EXPECT_NE(again[0].replay, nullptr);
  EXPECT_NE(again[1].replay, nullptr);
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

TEST_F(LuaIds, AnAbortForgetsTheId) {
  Run(Ask("id"));
  Request abort = Ask("id", 1, Kind::kAbort);
  auto options = std::make_shared<Operation::Options>(*abort.options);
  options->marks = {kSecond, 0};
  abort.options = std::move(options);
  EXPECT_EQ(Run(abort).fault, Fault::kNone);
  EXPECT_EQ(server_->Run({"EXISTS", NameOf(Ask("id"))}).integers.at(0), 0);
  EXPECT_EQ(Run(Ask("id")).fault, Fault::kNone);
  EXPECT_EQ(Get(kState), std::to_string(kSecond));
}

TEST_F(LuaIds, AnAbortKeepsAValueOfAnotherType) {
  Request abort = Ask("id", 1, Kind::kAbort);
  auto options = std::make_shared<Operation::Options>(*abort.options);
  options->marks = {kSecond, 0};
  abort.options = std::move(options);
  const std::string name = NameOf(abort);
  server_->Run({"RPUSH", name, "x"});
  EXPECT_EQ(Run(abort).fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"TYPE", name}), "list");
}

TEST_F(LuaIds, AForeignValueFailsOneCheckWithoutACharge) {
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

TEST_F(LuaIds, AValueOfAnotherTypeIsKeptAndTheChargeIsUndone) {
  const std::string name = NameOf(Ask("id"));
  server_->Run({"RPUSH", name, "x"});
  EXPECT_EQ(Run(Ask("id")).fault, Fault::kForeign);
  EXPECT_EQ(server_->Text({"TYPE", name}), "list");
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(Run(Ask("id", 1, Kind::kDebit)).fault, Fault::kForeign);
  EXPECT_EQ(Count(), 1);
}

TEST_F(LuaIds, NothingIsChargedIfTheIdCannotBeStored) {
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

TEST_F(LuaIds, NoIdIsStoredIfTheChargeFails) {
  const auto done = DecideOn(*server_, Refusing(std::string(kState)), std::vector{Ask("id")});
  EXPECT_EQ(done[0].fault, Fault::kServer);
  EXPECT_EQ(Count(), 0);
}

}  // namespace
}  // namespace sluice::testing
