// Times to live of texts, collections and blocks, and entries that the script removes before.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "redis/lua_kinds.h"
#include "redis/script_runner.h"

namespace sluice::testing {
namespace {

using redis::Request;
using Kind = Request::Kind;

TEST_F(LuaKinds, AListWithAnEvictedTextIsANewState) {
  const std::string name = NameOf(6);
  Prepare();
  server_->Run({"DEL", name});
  EXPECT_EQ(RunOne(Ask(Kind::kCheck, "k64", {.high = 1, .low = 3})).readings[6].numbers[0], 0);
  EXPECT_EQ(server_->Run({"LLEN", name + ":l"}).integers.at(0), 1);
  // The reverse.
  server_->Run({"DEL", name + ":l"});
  EXPECT_EQ(RunOne(Ask(Kind::kCheck, "k64", {.high = 1, .low = 4})).readings[6].numbers[0], 0);
  ExpectTimesToLive();
}

TEST_F(LuaKinds, ExpiredEntriesAreRemovedFromCollections) {
  const auto in = [](const char* command, std::size_t policy, const char* suffix) {
    return server_->Run({command, NameOf(policy) + suffix}).integers.at(0);
  };
  for (int i = 0; i < 3; ++i) {
    RunOne(Ask(Kind::kCheck, "k64", {.high = 2, .low = static_cast<std::uint64_t>(i)}),
           kNow + i * 6'000'000'000);
  }
  // A window and a time to live of 10 s.
  EXPECT_EQ(in("LLEN", 6, ":l"), 2);
  EXPECT_EQ(in("ZCARD", 7, ":z"), 2);
  RunOne(Ask(Kind::kRelease, "k64", {.high = 2, .low = 2}), kNow + 17'000'000'000);
  EXPECT_EQ(in("ZCARD", 7, ":z"), 0);
}

TEST_F(LuaKinds, AStateBesideABlockLivesAsLong) {
  for (const bool charged_first : {true, false}) {
    server_->Run({"FLUSHALL"});
    std::vector<Request> requests = {Ask(Kind::kCheck), Ask(Kind::kBlock)};
    auto options = std::make_shared<Operation::Options>(*requests[1].options);
    options->block_for = std::chrono::hours(1);
    requests[1].options = std::move(options);
    // A debit works during a block, and finds no state yet.
    if (!charged_first) requests = {requests[1], Ask(Kind::kDebit)};
    DecideOn(*server_, redis::ScriptText(), requests);
    const std::string log = NameOf(6);
    EXPECT_GT(server_->Run({"PTTL", log}).integers.at(0), 3'000'000);
    EXPECT_GT(server_->Run({"PTTL", log + ":l"}).integers.at(0), 3'000'000);
    if (charged_first) {
      const std::string slots = NameOf(7) + ":z";
      EXPECT_GT(server_->Run({"PTTL", slots}).integers.at(0), 3'000'000);
    }
  }
}

}  // namespace
}  // namespace sluice::testing
