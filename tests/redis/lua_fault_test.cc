// The script with unexpected values and types, and failing writes. Only the affected check fails,
// and no charge is half done.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "redis/backlog.h"
#include "redis/redis_server.h"
#include "redis/script_runner.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using redis::BacklogOf;
using redis::Completion;
using redis::Fault;
using redis::PolicySet;
using redis::Request;

constexpr std::int64_t kSecond = 1'000'000'000;

class LuaFaults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  static Request Ask(std::string_view key) {
    Request request;
    request.set = set_;
    request.key = redis::EscapedKey(key);
    request.costs = 1;
    return request;
  }
  static std::vector<Request> Batch(std::size_t size) {
    std::vector<Request> batch;
    for (std::size_t i = 0; i < size; ++i) batch.push_back(Ask("k" + std::to_string(i)));
    return batch;
  }
  static std::int64_t Exists(const std::string& key) {
    return server_->Run({"EXISTS", key}).integers.at(0);
  }

  static inline std::unique_ptr<RedisServer> server_;
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
  Request before = Ask("k64");
  before.costs = {2, 0, 0};
  DecideOn(*server_, ScriptAt(0), std::span(&before, 1));
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
  Request first = Ask("k");
  first.costs = {2, 2, 0};
  Request failing = Ask("k");
  Request last = Ask("k");
  last.costs = {3, 3, 0};
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
  Request last = Ask("k");
  last.costs = {5, 0, 0};
  const auto done = DecideOn(*server_, ScriptAt(0), std::vector{failing, last});
  EXPECT_EQ(done[0].fault, Fault::kForeign);
  EXPECT_EQ(done[1].fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"GET", "t:{k}:a:tb1"}), std::to_string(5 * kSecond));
}

// A test can hardly make Redis refuse one of several writes, so a wrapper of redis.pcall does.
TEST_F(LuaFaults, AFailedWriteIsUndoneAndReported) {
  const std::string refusing =
      "local real = redis\n"
      "local redis = {call = real.call, pcall = function(name, key, ...)\n"
      "  if name == 'SET' and key == 't:{k1}:c:tb1' then return {err = 'OOM made up'} end\n"
      "  return real.pcall(name, key, ...)\n"
      "end}\n" +
      ScriptAt(0);
  Request before = Ask("k1");
  before.costs = {2, 0, 0};
  DecideOn(*server_, ScriptAt(0), std::span(&before, 1));
  const auto done = DecideOn(*server_, refusing, Batch(3));
  EXPECT_EQ(done[0].fault, Fault::kNone);
  EXPECT_EQ(done[1].fault, Fault::kServer);
  EXPECT_EQ(done[1].detail, "OOM made up");
  EXPECT_EQ(done[2].fault, Fault::kNone);
  EXPECT_EQ(server_->Text({"GET", "t:{k1}:a:tb1"}), std::to_string(2 * kSecond));
  EXPECT_EQ(Exists("t:{k1}:b:tb1") + Exists("t:{k1}:c:tb1"), 0);
}

TEST(LuaReplica, OnAReplicaChecksFailAndReadsStillWork) {
  RedisServer server({"--replicaof", "127.0.0.1", std::to_string(RedisServer::FreePort())});
  const auto set = std::make_shared<const PolicySet>(
      std::vector{BucketPolicy("a", 5, 1, std::chrono::seconds(1))}, "t");
  std::vector<Request> batch(2);
  for (Request& request : batch) {
    request.set = set;
    request.key = redis::EscapedKey("k");
    request.costs = 1;
  }
  batch[1].kind = Request::Kind::kPeek;
  const redis::Reply reply = RunScript(server, ScriptAt(0), batch);
  std::vector<Completion> done(2);
  ASSERT_TRUE(redis::ReadReply(reply, batch, done)) << reply.text;
  EXPECT_EQ(done[0].fault, Fault::kServer);
  EXPECT_NE(done[0].detail.find("READONLY"), std::string::npos) << done[0].detail;
  EXPECT_EQ(done[1].fault, Fault::kNone);
}

}  // namespace
}  // namespace sluice::testing
