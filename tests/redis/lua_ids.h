// The fixture of tests of the script's ids: checks of one key with an id.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/lua_fixture.h"
#include "redis/redis_under_test.h"
#include "support/policies.h"

namespace sluice::testing {

class LuaIds : public LuaFixture {
 protected:
  static constexpr HolderId kHolder{0x0123456789abcdef, 0xfedcba9876543210};
  static constexpr HolderId kRepeater{0x1111111111111111, 0x2222222222222222};
  static constexpr std::string_view kState = "t:{k}:a:tb1";
  static constexpr std::string_view kSlots = "t:{k}:n:co1:z";

  static redis::Request Ask(std::string_view id, std::int64_t cost = 1, Kind kind = Kind::kCheck,
                            HolderId holder = kHolder) {
    redis::Request request = RequestOf(set_, "k", cost, kind);
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
    return RunOne(request, now);
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
    return RefusingScript("name ~= 'MGET' and key == '" + name + "'", ScriptAt(0));
  }

  static inline const auto set_ = std::make_shared<const redis::PolicySet>(
      std::vector<Policy>{BucketPolicy("a", 5, 1, std::chrono::seconds(1)),
                          {.name = "n", .algorithm = Slots(2, std::chrono::seconds(10))}},
      "t");
};

}  // namespace sluice::testing
