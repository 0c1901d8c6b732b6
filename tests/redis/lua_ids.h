// The fixture of tests of the script's ids: checks of one key with an id.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/redis_server.h"
#include "redis/redis_under_test.h"
#include "redis/script_runner.h"
#include "support/policies.h"

namespace sluice::testing {

class LuaIds : public ::testing::Test {
 protected:
  using Kind = redis::Request::Kind;

  static constexpr std::int64_t kSecond = 1'000'000'000;
  static constexpr HolderId kHolder{0x0123456789abcdef, 0xfedcba9876543210};
  static constexpr HolderId kRepeater{0x1111111111111111, 0x2222222222222222};
  static constexpr std::string_view kState = "t:{k}:a:tb1";
  static constexpr std::string_view kSlots = "t:{k}:n:co1:z";

  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  static redis::Request Ask(std::string_view id, std::int64_t cost = 1, Kind kind = Kind::kCheck,
                            HolderId holder = kHolder) {
    redis::Request request;
    request.kind = kind;
    request.set = set_;
    request.key = redis::EscapedKey("k");
    request.costs = cost;
    request.options = std::make_shared<Operation::Options>(Operation::Options{.holder = holder});
    request.digests = std::make_shared<redis::IdDigests>(redis::IdDigests{
        .name = DigestOf(id), .fingerprint = DigestOf("cost " + std::to_string(cost))});
    return request;
  }
  static std::string NameOf(const redis::Request& request) {
    std::string name;
    redis::AppendIdName(request, name);
    return name;
  }
  static redis::Completion Run(const redis::Request& request, std::int64_t now = 0) {
    return DecideOn(*server_, ScriptAt(now), {&request, 1})[0];
  }
  // The release that a session sends if no caller got the result of a check.
  static redis::Request GiveBack(std::string_view id, HolderId holder) {
    return Ask(id, 1, Kind::kRelease, holder);
  }
  static bool IsHeld(HolderId holder) {
    return server_->Run({"ZSCORE", std::string(kSlots), HolderText(holder)}).kind ==
           redis::Reply::Kind::kText;
  }
  static std::string Get(std::string_view name) {
    return server_->Text({"GET", std::string(name)});
  }
  // Deletes all names but ids: after a step back of the clock, states would deny.
  static void ForgetStates() { server_->Run({"DEL", std::string(kState), std::string(kSlots)}); }
  static std::int64_t Count() { return server_->Run({"DBSIZE"}).integers.at(0); }
  // The shipped script, with writes of `name` refused.
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
  static inline const auto set_ = std::make_shared<const redis::PolicySet>(
      std::vector<Policy>{BucketPolicy("a", 5, 1, std::chrono::seconds(1)),
                          {.name = "n", .algorithm = Slots(2, std::chrono::seconds(10))}},
      "t");
};

}  // namespace sluice::testing
