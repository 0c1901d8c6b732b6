// The script with refused commands, under every kind of policy and in every operation. Only the
// affected request fails, and no operation is half done.
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "redis/lua_kinds.h"
#include "redis/script_runner.h"

namespace sluice::testing {
namespace {

using redis::Fault;
using redis::Request;
using Kind = Request::Kind;

// Refuses the n-th command that writes.
std::string Refusing(int n, const std::string& script) {
  return RefusingScript(
      "writes[name] and Count() == 0", script,
      "local left = " + std::to_string(n) +
          "\nlocal writes = {SET = 1, DEL = 1, RPUSH = 1, LTRIM = 1, PEXPIRE = 1, "
          "ZADD = 1, ZREM = 1, ZREMRANGEBYSCORE = 1}\n"
          "local function Count() left = left - 1 return left end\n");
}

class RefusedIn : public LuaKinds, public ::testing::WithParamInterface<Kind> {};

TEST_P(RefusedIn, AnyCommandLeavesNothingHalfDone) {
  const Kind operation = GetParam();
  Request request =
      Ask(operation, "k64", operation == Kind::kCheck ? HolderId{.high = 1, .low = 3} : kHolder);
  if (operation == Kind::kCredit) {
    // An entry in the middle of the log.
    auto options = std::make_shared<Operation::Options>(*request.options);
    options->marks.emplace().fill((kNow - 2'000'000'000) / 1000);
    request.options = std::move(options);
  }
  int refused = 0;
  bool done = false;
  for (int n = 1; !done; ++n) {
    ASSERT_LT(n, 100);
    Prepare();
    if (operation == Kind::kUnblock) RunOne(Ask(Kind::kBlock));
    const std::string before = Standing();
    const auto after = DecideOn(*server_, Refusing(n, ScriptAt(kNow)), {&request, 1})[0];
    if (after.fault == Fault::kServer) {
      ++refused;
      EXPECT_EQ(after.detail, "OOM made up") << n;
      // The earlier writes of a release or renew can be repeated.
      if (operation != Kind::kRelease && operation != Kind::kRenew) {
        EXPECT_EQ(Standing(), before) << n;
      }
    } else {
      // Only removals of old entries may fail silently; there are fewer commands then.
      EXPECT_EQ(after.fault, Fault::kNone) << n;
      done = refused > 0 && Standing() != before && n > refused + 2;
    }
    ExpectTimesToLive();
  }
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(EachOperation, RefusedIn,
                         ::testing::Values(Kind::kCheck, Kind::kDebit, Kind::kCredit,
                                           Kind::kRelease, Kind::kRenew, Kind::kBlock,
                                           Kind::kUnblock));

TEST_F(LuaKinds, AForbiddenCommandFailsTheCheckAndChargesNothing) {
  for (const char* forbidden : {"rpush", "zadd", "pexpire", "llen", "zcount", "set"}) {
    Prepare();
    const std::string before = Standing();
    server_->Run({"ACL", "SETUSER", "default", std::string("-") + forbidden});
    const Request request = Ask(Kind::kCheck, "k64", {.high = 1, .low = 3});
    const redis::Completion done = RunOne(request);
    server_->Run({"ACL", "SETUSER", "default", "+@all"});
    EXPECT_EQ(done.fault, Fault::kServer) << forbidden;
    EXPECT_EQ(Standing(), before) << forbidden;
    ExpectTimesToLive();
  }
}

TEST_F(LuaKinds, WithoutMemoryChecksFailOneByOneAndReadsStillWork) {
  RedisServer full({"--maxmemory", "1", "--maxmemory-policy", "noeviction"});
  for (const Policy& policy : OneOfEachKind()) {
    const auto set = std::make_shared<const redis::PolicySet>(std::vector{policy}, "t");
    std::vector<Request> batch = {Ask(Kind::kCheck), Ask(Kind::kPeek), Ask(Kind::kBlock)};
    for (Request& request : batch) request.set = set;
    const auto done = DecideOn(full, ScriptAt(kNow), batch);
    EXPECT_EQ(done[0].fault, Fault::kServer) << policy.name;
    EXPECT_NE(done[0].detail.find("OOM"), std::string::npos) << done[0].detail;
    EXPECT_EQ(done[1].fault, Fault::kNone) << policy.name;
    EXPECT_EQ(done[2].fault, Fault::kServer) << policy.name;
  }
  EXPECT_EQ(full.Run({"DBSIZE"}).integers.at(0), 0);
}

}  // namespace
}  // namespace sluice::testing
