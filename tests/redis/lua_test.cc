// The script without failures: stored values, replies, and operations that write nothing.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "redis/backlog.h"
#include "redis/lua_fixture.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using redis::BacklogOf;
using redis::Completion;
using redis::Fault;
using redis::PolicySet;
using redis::Request;

constexpr std::int64_t kModulus = 9'000'000'000'000'000;

class Lua : public LuaFixture {
 protected:
  static Request Ask(std::string_view key, std::int64_t cost = 1, std::int64_t second = 1) {
    return RequestOf(set_, key, {cost, second});
  }

  // 5 tokens, one a second; 100 tokens, one every 10 ms.
  static inline const auto set_ = std::make_shared<const PolicySet>(
      std::vector{BucketPolicy("burst", 5, 1, std::chrono::seconds(1)),
                  BucketPolicy("daily", 100, 1, std::chrono::milliseconds(10))},
      "t");
};

TEST_F(Lua, TheServerKnowsTheScriptByItsBuiltInSha) {
  EXPECT_EQ(server_->Text({"SCRIPT", "LOAD", std::string(redis::ScriptText())}),
            redis::ScriptSha());
}

TEST_F(Lua, AChargeIsStoredAsAPlainNumberWithATimeToLive) {
  ASSERT_EQ(RunOne(Ask("k", 3, 7), kModulus - kSecond).fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"GET", "t:{k}:burst:tb1"}), std::to_string(2 * kSecond));  // it wrapped
  EXPECT_EQ(server_->Text({"GET", "t:{k}:daily:tb1"}), "8999999070000000");
  const Completion again = RunOne(Ask("k"), kModulus + 1000);
  EXPECT_EQ(BacklogOf(again, 0), Nanos{2 * kSecond - 1000});
  EXPECT_EQ(BacklogOf(again, 1), Nanos{0});  // expired: as a new state
}

TEST_F(Lua, TheTimeToLiveEndsJustAfterTheTat) {
  const Request request = Ask("k", 5, 1);
  DecideOn(*server_, redis::ScriptText(), std::span(&request, 1));
  const auto burst = server_->Run({"PTTL", "t:{k}:burst:tb1"}).integers.at(0);
  const auto daily = server_->Run({"PTTL", "t:{k}:daily:tb1"}).integers.at(0);
  EXPECT_GT(burst, 0);
  EXPECT_LE(burst, 5001);
  EXPECT_LE(daily, 11);
}

TEST_F(Lua, TheServersOwnTimeIsItsMicrosecondsModuloTheModulus) {
  const Request request = Ask("k", 5, 0);  // stored for 5 s
  const auto now = [] {
    const auto time =
        server_->Run({"EVAL", "local t = redis.call('TIME') return {t[1] + 0, t[2] + 0}", "0"})
            .integers;
    return (time.at(0) % 9'000'000) * kSecond + time.at(1) * 1000;
  };
  const std::int64_t before = now();
  DecideOn(*server_, redis::ScriptText(), std::span(&request, 1));
  const std::int64_t after = now();
  const std::int64_t stored = std::stoll(server_->Text({"GET", "t:{k}:burst:tb1"}));
  const auto since = [&](std::int64_t time) { return (time - before + kModulus) % kModulus; };
  EXPECT_LE(since((stored - 5 * kSecond + kModulus) % kModulus), since(after));
}

TEST_F(Lua, ADenialWritesNothing) {
  ASSERT_EQ(RunOne(Ask("k", 5, 1), 0).fault, Fault::kNone);
  const std::string burst = server_->Text({"GET", "t:{k}:burst:tb1"});
  const std::string daily = server_->Text({"GET", "t:{k}:daily:tb1"});
  const Completion denied = RunOne(Ask("k", 2, 1), kSecond - 1);
  EXPECT_EQ(denied.fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"GET", "t:{k}:burst:tb1"}), burst);
  EXPECT_EQ(server_->Text({"GET", "t:{k}:daily:tb1"}), daily);
  ASSERT_EQ(RunOne(Ask("fresh", 6, 1), 0).fault, Fault::kNone);
  EXPECT_EQ(server_->Run({"EXISTS", "t:{fresh}:burst:tb1", "t:{fresh}:daily:tb1"}).integers.at(0),
            0);
}

TEST_F(Lua, ACostOfZeroReadsAndDoesNotWrite) {
  ASSERT_EQ(RunOne(Ask("k", 5, 0), 0).fault, Fault::kNone);
  EXPECT_EQ(server_->Run({"EXISTS", "t:{k}:daily:tb1"}).integers.at(0), 0);
  // A cost of 0 under the empty bucket, more under the other.
  const Completion half = RunOne(Ask("k", 0, 1), 0);
  EXPECT_EQ(BacklogOf(half, 0), Nanos{5 * kSecond});
  EXPECT_EQ(server_->Text({"GET", "t:{k}:burst:tb1"}), std::to_string(5 * kSecond));
  EXPECT_EQ(server_->Text({"GET", "t:{k}:daily:tb1"}), "10000000");
}

TEST_F(Lua, APeekWritesNothing) {
  Request peek = Ask("k");
  peek.kind = Request::Kind::kPeek;
  EXPECT_EQ(RunOne(peek, 0).fault, Fault::kNone);
  EXPECT_EQ(server_->Run({"DBSIZE"}).integers.at(0), 0);
}

TEST_F(Lua, ASecondCheckOfAKeyInABatchSeesTheFirst) {
  const std::vector<Request> batch = {Ask("k", 2), Ask("other", 1), Ask("k", 2), Ask("k", 2),
                                      Ask("k", 1)};
  const auto done = DecideOn(*server_, ScriptAt(0), batch);
  EXPECT_EQ(BacklogOf(done[0], 0), Nanos{0});
  EXPECT_EQ(BacklogOf(done[2], 0), Nanos{2 * kSecond});
  EXPECT_EQ(BacklogOf(done[3], 0), Nanos{4 * kSecond});
  EXPECT_EQ(BacklogOf(done[4], 0), Nanos{4 * kSecond});  // the check before it was denied
  EXPECT_EQ(server_->Text({"GET", "t:{k}:burst:tb1"}), std::to_string(5 * kSecond));
}

TEST_F(Lua, ABatchOfAllKindsAndSizesKeepsItsOrder) {
  std::vector<Request> batch;
  for (int i = 0; i < 128; ++i) {
    batch.push_back(Ask("k" + std::to_string(i), i % 7, i % 3));
    if (i % 5 == 0) batch.back().kind = Request::Kind::kPeek;
  }
  DecideOn(*server_, ScriptAt(0), batch);
  const auto done = DecideOn(*server_, ScriptAt(0), batch);
  for (int i = 0; i < 128; ++i) {
    const bool charged = i % 5 != 0 && i % 7 <= 5 && (i % 7 > 0 || i % 3 > 0);
    EXPECT_EQ(BacklogOf(done[static_cast<std::size_t>(i)], 0),
              Nanos{charged ? i % 7 * kSecond : 0});
  }
}

TEST_F(Lua, SixteenPoliciesAnd128ChecksFitOneCall) {
  std::vector<Policy> policies;
  for (int i = 0; i < static_cast<int>(kMaxPolicies); ++i) {
    policies.push_back(BucketPolicy("p" + std::to_string(i), 5, 1, std::chrono::seconds(1)));
  }
  const auto many = std::make_shared<const PolicySet>(policies, "t");
  std::vector<Request> batch(redis::kMaxBatch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].set = many;
    batch[i].key = redis::EscapedKey(std::to_string(i));
    batch[i].costs = 1;
  }
  for (const Completion& completion : DecideOn(*server_, ScriptAt(0), batch)) {
    EXPECT_EQ(completion.fault, Fault::kNone);
  }
  EXPECT_EQ(server_->Run({"DBSIZE"}).integers.at(0), 128 * 16);
}

TEST_F(Lua, AStepBackOfTheClockLengthensTheBacklog) {
  ASSERT_EQ(RunOne(Ask("k", 5, 0), 10 * kSecond).fault, Fault::kNone);
  const Completion earlier = RunOne(Ask("k", 1, 0), 0);
  EXPECT_EQ(BacklogOf(earlier, 0), Nanos{15 * kSecond});
  EXPECT_EQ(server_->Text({"GET", "t:{k}:burst:tb1"}), std::to_string(15 * kSecond));
  // In debt, a cost of 0 is still admitted.
  RunOne(Ask("k", 0, 1), 0);
  EXPECT_EQ(server_->Text({"GET", "t:{k}:daily:tb1"}), "10000000");
}

}  // namespace
}  // namespace sluice::testing
