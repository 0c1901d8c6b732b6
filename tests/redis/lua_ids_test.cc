// Ids in the script on a real server: how they are kept, and what happens when they cannot be.
#include <gtest/gtest.h>

#include <memory>
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
constexpr std::string_view kState = "t:{k}:a:tb1";

class LuaIds : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  static std::string DigestOf(std::string_view text) {
    std::string digest;
    redis::AppendDigest(text, digest);
    return digest;
  }
  static Request Ask(std::string_view id, std::int64_t cost = 1, Kind kind = Kind::kCheck) {
    auto details = std::make_shared<Details>();
    details->id = DigestOf(id);
    details->print = DigestOf("cost " + std::to_string(cost));
    details->holder = HolderText(kHolder);
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
  static std::string Get(std::string_view name) {
    return server_->Text({"GET", std::string(name)});
  }
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

TEST_F(LuaIds, SayWhatWasChargedAndForWhom) {
  Run(Ask("id", 2), 1'000 * kSecond);
  EXPECT_EQ(Get(NameOf(Ask("id"))),
            DigestOf("cost 2") + " " + HolderText(kHolder) + " 1000000000 3 0 0 0 0");
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

TEST_F(LuaIds, AForeignValueFailsThatCheckAloneAndNothingIsCharged) {
  const std::string name = NameOf(Ask("id"));
  const std::string holder = HolderText(kHolder);
  const std::string print = DigestOf("cost 1");
  for (const std::string& value :
       {std::string(), std::string("hello"), std::string(5'000, '1'), print,
        print + " " + holder + " 0", print + " " + holder + " 0 3 0 0 0",
        print + " " + holder + " 0 3 0 0 0 0 0", print + " " + holder + " 0 4 0 0 0 0",
        print + " " + holder + " 0 3 -3 0 0 0", print + " " + holder + " 0 3 9e15 0 0 0",
        print + " " + holder + " 0 3 9999999999999999 0 0 0", print + " - 0 3 0 0 0 0",
        print + " " + holder + " 99999999999999999999 3 0 0 0 0"}) {
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
  Request release = Ask("id", 1, Kind::kRelease);
  EXPECT_TRUE(Run(release).done);
  const Completion again = Run(Ask("id"));
  ASSERT_NE(again.repeat, nullptr);
  EXPECT_EQ(again.repeat->again, 2U);
  EXPECT_TRUE(again.charged);
  EXPECT_EQ(server_->Run({"ZCARD", "t:{k}:n:co1:z"}).integers.at(0), 1);
  EXPECT_EQ(Get(kState), std::to_string(kSecond));
}

}  // namespace
}  // namespace sluice::testing
