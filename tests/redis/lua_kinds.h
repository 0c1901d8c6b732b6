// One key under a policy of every kind that the script knows, on a real server.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/redis_server.h"
#include "redis/request.h"

namespace sluice::testing {

/// One policy of each kind, with five units, named by its letter in check.lua: t q f c m s l n.
std::vector<Policy> OneOfEachKind();

class LuaKinds : public ::testing::Test {
 protected:
  static constexpr HolderId kHolder{.high = 0, .low = 0x100};
  static constexpr std::int64_t kNow = 1'795'219'200'123'456'000;

  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  /// Asks for one unit. A block is for 7 s; an abort is of a charge of kNow.
  static redis::Request Ask(redis::Request::Kind kind, std::string_view key = "k64",
                            HolderId holder = kHolder);
  /// Of the key's state under one policy.
  static std::string NameOf(std::size_t policy);
  /// What the key's names hold, with times to live left out.
  static std::map<std::string, std::string> Everything();
  static std::vector<redis::Completion> Run(std::span<const redis::Request> requests,
                                            std::int64_t now = kNow);
  static redis::Completion RunOne(const redis::Request& request, std::int64_t now = kNow);
  /// A key with something under every policy, and old entries to be dropped.
  static void Prepare();
  /// What is left under each policy, and until when.
  static std::string Standing(std::int64_t now = kNow);
  static void ExpectTimesToLive();

  static inline std::unique_ptr<RedisServer> server_;
  static inline const auto set_ = std::make_shared<const redis::PolicySet>(OneOfEachKind(), "t");
};

}  // namespace sluice::testing
