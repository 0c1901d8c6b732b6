// The I/O thread with a server that is unreachable, hangs, dies, returns, or refuses it.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "redis/backlog.h"
#include "redis/connect.h"
#include "redis/recorder.h"
#include "redis/redis_server.h"

namespace sluice::redis {
namespace {

using sluice::testing::RedisServer;
using Clock = std::chrono::steady_clock;

constexpr Nanos kDeadline = std::chrono::milliseconds(100);
constexpr std::chrono::seconds kGiveUp(60);

// Checks until the server answers, and returns the last result. Each check has a long deadline:
// only an unreachable server causes another one.
Completion AskUntilAnswered(Backend& client, Recorder& recorder, const std::string& key) {
  Completion answer;
  for (const auto give_up = Clock::now() + kGiveUp; Clock::now() < give_up;) {
    answer = recorder.Run(client, recorder.Ask(SlowBucket(1'000), key));
    if (answer.fault == Fault::kNone) return answer;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return answer;
}

Endpoint At(std::uint16_t port) {
  Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port;
  return endpoint;
}

class ClientOutage : public ::testing::Test {
 protected:
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
};

TEST_F(ClientOutage, WithoutAServerChecksFailUntilOneStarts) {
  const std::uint16_t port = RedisServer::FreePort();
  const auto client = Connect(At(port));
  const Completion first =
      recorder_->Run(*client, recorder_->Ask(SlowBucket(10), "k", std::chrono::hours(1)));
  EXPECT_EQ(first.fault, Fault::kUnavailable);  // long before its deadline
  EXPECT_NE(first.detail.find("Connection refused"), std::string::npos) << first.detail;
  RedisServer server({}, port);
  EXPECT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  EXPECT_EQ(client->stats().at(0).session.reconnects, 0U);
}

TEST_F(ClientOutage, AFrozenServerCausesTimeoutsAndIsUsedAgainAfterwards) {
  RedisServer server;
  const auto client = Connect(server.endpoint());
  ASSERT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  server.Freeze();
  EXPECT_EQ(recorder_->Run(*client, recorder_->Ask(SlowBucket(10), "k", kDeadline)).fault,
            Fault::kTimeout);
  // Until the session has dropped that connection and the next one.
  Completion answer;
  SessionStats link;
  for (const auto give_up = Clock::now() + kGiveUp; Clock::now() < give_up;) {
    answer = recorder_->Run(*client, recorder_->Ask(SlowBucket(10), "k", kDeadline));
    ASSERT_NE(answer.fault, Fault::kNone);
    link = client->stats().at(0).session;
    if (answer.fault == Fault::kUnavailable && !link.connected) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
  EXPECT_EQ(link.breaker, BreakerState::kOpen);
  EXPECT_FALSE(link.connected);
  server.Thaw();
  EXPECT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  EXPECT_GE(client->stats().at(0).session.reconnects, 1U);
}

TEST_F(ClientOutage, StatsCountRequestsToAFrozenServer) {
  RedisServer server;
  const auto client = Connect(server.endpoint());
  ASSERT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  server.Freeze();
  const SessionStats before = client->stats().at(0).session;
  std::vector<Request> requests;
  requests.push_back(recorder_->Ask(SlowBucket(10), "k", std::chrono::hours(1)));
  client->Submit(std::move(requests));
  SessionStats link;
  for (const auto give_up = Clock::now() + kGiveUp; Clock::now() < give_up;) {
    link = client->stats().at(0).session;
    ASSERT_EQ(link.submitted, before.submitted + 1) << "at every moment";
    if (link.batches > before.batches) break;
  }
  EXPECT_EQ(link.batches, before.batches + 1);
  EXPECT_EQ(link.completed, before.completed);
}

TEST_F(ClientOutage, AKilledServerFailsWrittenRequestsAndItsSuccessorIsUsed) {
  auto server = std::make_unique<RedisServer>();
  const std::uint16_t port = server->port();
  const auto client = Connect(server->endpoint());
  ASSERT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  server->Freeze();
  Request written = recorder_->Ask(SlowBucket(10), "k", std::chrono::hours(1));
  const std::uint64_t ticket = written.ticket;
  std::vector<Request> requests;
  requests.push_back(std::move(written));
  const std::uint64_t batches = client->stats().at(0).session.batches;
  client->Submit(std::move(requests));
  while (client->stats().at(0).session.batches == batches) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // let it be written
  server->Kill();
  const Completion lost = recorder_->Await(ticket);
  EXPECT_EQ(lost.fault, Fault::kUnavailable);
  EXPECT_FALSE(lost.detail.empty());
  server.reset();
  server = std::make_unique<RedisServer>(std::vector<std::string>{}, port);
  const Completion answer = AskUntilAnswered(*client, *recorder_, "k");
  EXPECT_EQ(answer.fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(answer, 0), Nanos{0});
}

TEST_F(ClientOutage, AConnectionClosedByTheServerIsReplaced) {
  RedisServer server;
  const auto client = Connect(server.endpoint());
  ASSERT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  ASSERT_GE(server.Run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}).integers.at(0), 1);
  EXPECT_EQ(AskUntilAnswered(*client, *recorder_, "k").fault, Fault::kNone);
  EXPECT_EQ(client->stats().at(0).session.reconnects, 1U);
}

TEST_F(ClientOutage, PasswordsAndUsersAreUsedAndNotQuoted) {
  RedisServer server({"--requirepass", "hunter2", "--user", "app", "on", ">s3cret", "~*", "+@all"});
  Endpoint endpoint = server.endpoint();
  endpoint.password = "hunter2";
  EXPECT_EQ(AskUntilAnswered(*Connect(endpoint), *recorder_, "k").fault, Fault::kNone);
  endpoint.user = "app";
  endpoint.password = "s3cret";
  EXPECT_EQ(AskUntilAnswered(*Connect(endpoint), *recorder_, "k").fault, Fault::kNone);

  endpoint.password = "wr0ng";
  const auto wrong = Connect(endpoint);
  Completion answer = recorder_->Run(*wrong, recorder_->Ask(SlowBucket(10), "k"));
  EXPECT_EQ(answer.fault, Fault::kRefused);
  EXPECT_EQ(answer.detail.find("wr0ng"), std::string::npos);
  EXPECT_NE(answer.detail.find("WRONGPASS"), std::string::npos) << answer.detail;

  const auto none = Connect(server.endpoint());
  answer = recorder_->Run(*none, recorder_->Ask(SlowBucket(10), "k"));
  EXPECT_EQ(answer.fault, Fault::kRefused);
  EXPECT_NE(answer.detail.find("NOAUTH"), std::string::npos) << answer.detail;
}

TEST_F(ClientOutage, AnUnknownDatabaseIsAFaultWithAReason) {
  RedisServer server;
  Endpoint endpoint = server.endpoint();
  endpoint.database = 9999;
  const auto client = Connect(endpoint);
  const Completion answer = recorder_->Run(*client, recorder_->Ask(SlowBucket(10), "k"));
  EXPECT_EQ(answer.fault, Fault::kRefused);
  EXPECT_NE(answer.detail.find("out of range"), std::string::npos) << answer.detail;
}

}  // namespace
}  // namespace sluice::redis
