// The script with unexpected values and types, and failing writes. Only the affected check fails,
// and no charge is half done.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "redis/backlog.h"
#include "redis/lua_fixture.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using redis::BacklogOf;
using redis::Fault;
using redis::PolicySet;
using redis::Request;

class LuaFaults : public LuaFixture {
 protected:
  static Request Ask(std::string_view key, Costs costs = 1) {
    return RequestOf(set_, key, std::move(costs));
  }
  static std::vector<Request> Batch(std::size_t size) {
    std::vector<Request> batch;
    for (std::size_t i = 0; i < size; ++i) batch.push_back(Ask("k" + std::to_string(i)));
    return batch;
  }
  static inline const auto set_ = std::make_shared<const PolicySet>(
      std::vector{BucketPolicy("a", 5, 1, std::chrono::seconds(1)),
                  BucketPolicy("b", 5, 1, std::chrono::seconds(1)),
                  BucketPolicy("c", 5, 1, std::chrono::seconds(1))},
      "t");
};

TEST_F(LuaFaults, AForeignValueFailsOneCheckOf128) {
  for (const std::string value :
       {"hello", "", "-1", "1.5", "1e3", "0x10", " 1", "1 ", "nan", "inf", "9000000000000000",
        "9999999999999999", "00000000000000001", "12345678901234567890"}) {
    server_->Run({"FLUSHALL"});
    server_->Run({"SET", "t:{k64}:b:tb1", value});
    const auto done = DecideOn(*server_, ScriptAt(0), Batch(128));
    for (std::size_t i = 0; i < done.size(); ++i) {
      EXPECT_EQ(done[i].fault, i == 64 ? Fault::kForeign : Fault::kNone)
          << i << " '" << value << "'";
    }
    EXPECT_EQ(server_->Text({"GET", "t:{k64}:b:tb1"}), value);
    EXPECT_EQ(Exists("t:{k64}:a:tb1") + Exists("t:{k64}:c:tb1"), 0);
    EXPECT_EQ(Exists("t:{k127}:c:tb1"), 1);
  }
}

TEST_F(LuaFaults, AKeyOfAnotherTypeIsKeptAndTheChecksEarlierChargesAreUndone) {
  server_->Run({"RPUSH", "t:{k64}:c:tb1", "x"});
  // a had a charge before, b had none.
  const Request before = Ask("k64", {2, 0, 0});
  RunOne(before, 0);
  const auto done = DecideOn(*server_, ScriptAt(kSecond / 2), Batch(128));
  for (std::size_t i = 0; i < done.size(); ++i) {
    EXPECT_EQ(done[i].fault, i == 64 ? Fault::kForeign : Fault::kNone) << i;
  }
  EXPECT_EQ(server_->Text({"GET", "t:{k64}:a:tb1"}), std::to_string(2 * kSecond));
  EXPECT_GT(server_->Run({"PTTL", "t:{k64}:a:tb1"}).integers.at(0), 0);
  EXPECT_EQ(Exists("t:{k64}:b:tb1"), 0);
  EXPECT_EQ(server_->Text({"TYPE", "t:{k64}:c:tb1"}), "list");
}

TEST_F(LuaFaults, AfterAnUndoALaterCheckSeesTheOldState) {
  server_->Run({"RPUSH", "t:{k}:c:tb1", "x"});
  const Request first = Ask("k", {2, 2, 0});
  Request failing = Ask("k");
  const Request last = Ask("k", {3, 3, 0});
  const auto done = DecideOn(*server_, ScriptAt(0), std::vector{first, failing, last});
  EXPECT_EQ(done[0].fault, Fault::kNone);
  EXPECT_EQ(done[1].fault, Fault::kForeign);
  EXPECT_EQ(done[2].fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(done[2], 0), Nanos{2 * kSecond});
  EXPECT_EQ(server_->Text({"GET", "t:{k}:a:tb1"}), std::to_string(5 * kSecond));
}

TEST_F(LuaFaults, AfterAnUndoOfTheFirstChargeALaterCheckSeesANewState) {
  server_->Run({"RPUSH", "t:{k}:c:tb1", "x"});
  Request failing = Ask("k");
  const Request last = Ask("k", {5, 0, 0});
  const auto done = DecideOn(*server_, ScriptAt(0), std::vector{failing, last});
  EXPECT_EQ(done[0].fault, Fault::kForeign);
  EXPECT_EQ(done[1].fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"GET", "t:{k}:a:tb1"}), std::to_string(5 * kSecond));
}

// A test can hardly make Redis refuse one of several writes, so a wrapper of redis.pcall does.
TEST_F(LuaFaults, AFailedWriteIsUndoneAndReported) {
  const std::string refusing =
      RefusingScript("name == 'SET' and key == 't:{k1}:c:tb1'", ScriptAt(0));
  const Request before = Ask("k1", {2, 0, 0});
  RunOne(before, 0);
  const auto done = DecideOn(*server_, refusing, Batch(3));
  EXPECT_EQ(done[0].fault, Fault::kNone);
  EXPECT_EQ(done[1].fault, Fault::kServer);
  EXPECT_EQ(done[1].detail, "OOM made up");
  EXPECT_EQ(done[2].fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"GET", "t:{k1}:a:tb1"}), std::to_string(2 * kSecond));
  EXPECT_EQ(Exists("t:{k1}:b:tb1") + Exists("t:{k1}:c:tb1"), 0);
}

TEST_F(LuaFaults, OnAReplicaChecksFailAndReadsStillWork) {
  RedisServer replica({"--replicaof", "127.0.0.1", std::to_string(RedisServer::FreePort())});
  std::vector<Request> batch = {Ask("k"), Ask("k")};
  batch[1].kind = Kind::kPeek;
  const auto done = DecideOn(replica, ScriptAt(0), batch);
  EXPECT_EQ(done[0].fault, Fault::kServer);
  EXPECT_NE(done[0].detail.find("READONLY"), std::string::npos) << done[0].detail;
  EXPECT_EQ(done[1].fault, Fault::kNone);
}

}  // namespace
}  // namespace sluice::testing
