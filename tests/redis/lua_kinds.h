// The fixture of tests with a policy of every kind that the script knows: one key.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/lua_fixture.h"
#include "redis/request.h"

namespace sluice::testing {

/// One policy of each kind, with five units, named by its letter in check.lua: t q f c m s l n.
std::vector<Policy> OneOfEachKind();

class LuaKinds : public LuaFixture {
 protected:
  static constexpr HolderId kHolder{.high = 0, .low = 0x100};
  static constexpr std::int64_t kNow = 1'795'219'200'123'456'000;

  /// A request of one unit. A block lasts 7 s; an abort returns a charge of kNow.
  static redis::Request Ask(redis::Request::Kind kind, std::string_view key = "k64",
                            HolderId holder = kHolder);
  /// The name of the key's state under one policy.
  static std::string NameOf(std::size_t policy);
  /// The values of the key's names, without times to live.
  static std::map<std::string, std::string> Everything();
  static std::vector<redis::Completion> Run(std::span<const redis::Request> requests,
                                            std::int64_t now = kNow);
  static redis::Completion RunOne(const redis::Request& request, std::int64_t now = kNow) {
    return LuaFixture::RunOne(request, now);
  }
  /// Gives the key a state under every policy, with old entries that the script drops.
  static void Prepare();
  /// The remaining units under each policy, and the time of the reset.
  static std::string Standing(std::int64_t now = kNow);
  static void ExpectTimesToLive();

  static inline const auto set_ = std::make_shared<const redis::PolicySet>(OneOfEachKind(), "t");
};

}  // namespace sluice::testing
