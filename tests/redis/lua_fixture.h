// The fixture of the script's tests: a real server for each suite, empty before each test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "redis/redis_server.h"
#include "redis/script_runner.h"

namespace sluice::testing {

class LuaFixture : public ::testing::Test {
 protected:
  using Kind = redis::Request::Kind;
  using Set = std::shared_ptr<const redis::PolicySet>;

  static constexpr std::int64_t kSecond = 1'000'000'000;

  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  static redis::Request RequestOf(Set set, std::string_view key, Costs costs = 1,
                                  Kind kind = Kind::kCheck) {
    redis::Request request;
    request.kind = kind;
    request.set = std::move(set);
    request.key = redis::EscapedKey(key);
    request.costs = std::move(costs);
    return request;
  }
  static redis::Completion RunOne(const redis::Request& request, std::int64_t now) {
    return DecideOn(*server_, ScriptAt(now), {&request, 1})[0];
  }
  static std::int64_t Exists(const std::string& key) {
    return server_->Run({"EXISTS", key}).integers.at(0);
  }

  static inline std::unique_ptr<RedisServer> server_;
};

}  // namespace sluice::testing
