// The I/O thread and a real server.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "redis/backlog.h"
#include "redis/connect.h"
#include "redis/recorder.h"
#include "redis/redis_server.h"
#include "redis/script.h"

namespace sluice::redis {
namespace {

using sluice::testing::RedisServer;

class ClientTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  static inline std::unique_ptr<RedisServer> server_;
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
};

TEST_F(ClientTest, ChecksPeeksAndResets) {
  const auto client = Connect(server_->endpoint());
  const auto set = SlowBucket(2);
  EXPECT_EQ(BacklogOf(recorder_->Run(*client, recorder_->Ask(set, "k")), 0), Nanos{0});
  EXPECT_GT(BacklogOf(recorder_->Run(*client, recorder_->Ask(set, "k")), 0), Nanos{0});
  const Completion denied = recorder_->Run(*client, recorder_->Ask(set, "k"));
  EXPECT_EQ(denied.fault, Fault::kNone);
  EXPECT_GT(BacklogOf(denied, 0), std::chrono::hours(1));
  Request peek = recorder_->Ask(set, "k");
  peek.kind = Request::Kind::kPeek;
  EXPECT_GT(BacklogOf(recorder_->Run(*client, std::move(peek)), 0), std::chrono::hours(1));
  Request reset = recorder_->Ask(set, "k");
  reset.kind = Request::Kind::kReset;
  EXPECT_EQ(recorder_->Run(*client, std::move(reset)).fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(recorder_->Run(*client, recorder_->Ask(set, "k")), 0), Nanos{0});
  EXPECT_TRUE(client->stats().at(0).session.connected);
}

TEST_F(ClientTest, PublishesMetadataBesideChecks) {
  const auto client = Connect(server_->endpoint());
  constexpr std::size_t kThreads = 3;
  constexpr int kEach = 20;
  std::vector<std::vector<std::shared_ptr<const Metadata>>> held(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = "t:meta:" + std::to_string(t) + "." + std::to_string(i);
        held[t].push_back(std::make_shared<const Metadata>(Metadata{.name = name, .text = "x"}));
        client->Publish(held[t].back());
        if (i % 2 == 1) held[t].pop_back();
      }
    });
  }
  EXPECT_EQ(recorder_->Run(*client, recorder_->Ask(SlowBucket(2), "k")).fault, Fault::kNone);
  for (std::thread& thread : threads) thread.join();
  for (const auto& of_thread : held) {
    for (const auto& metadata : of_thread) {
      while (server_->Text({"GET", metadata->name}) != "x") std::this_thread::yield();
    }
  }
  EXPECT_EQ(client->stats().at(0).session.submitted, 1U);
}

TEST_F(ClientTest, OneClientPerEndpoint) {
  const auto first = Connect(server_->endpoint());
  EXPECT_EQ(Connect(server_->endpoint()), first);
  Endpoint other = server_->endpoint();
  other.database = 1;
  EXPECT_NE(Connect(other), first);
}

TEST_F(ClientTest, DatabasesAreSeparate) {
  Endpoint other = server_->endpoint();
  other.database = 5;
  const auto client = Connect(other);
  ASSERT_EQ(recorder_->Run(*client, recorder_->Ask(SlowBucket(1), "k")).fault, Fault::kNone);
  EXPECT_EQ(server_->Run({"DBSIZE"}).integers.at(0), 0);
  EXPECT_NE(server_->Text({"INFO", "keyspace"}).find("db5:keys=1"), std::string::npos);
}

TEST_F(ClientTest, AHostByNameIsResolved) {
  Endpoint named = server_->endpoint();
  named.host = "localhost";  // perhaps ::1 first, where no server listens
  const auto client = Connect(named);
  Completion answer;
  for (int i = 0; i < 50; ++i) {
    answer = recorder_->Run(*client, recorder_->Ask(SlowBucket(100), "k"));
    if (answer.fault == Fault::kNone) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
}

TEST_F(ClientTest, AnUnknownHostIsAFaultWithAReason) {
  Endpoint nowhere = server_->endpoint();
  nowhere.host = "no-such-host.invalid";
  const auto client = Connect(nowhere);
  const Completion answer = recorder_->Run(*client, recorder_->Ask(SlowBucket(1), "k"));
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
}

TEST_F(ClientTest, KeysOfAnyBytesAreDistinct) {
  using namespace std::string_literals;
  const auto client = Connect(server_->endpoint());
  const auto set = SlowBucket(1);
  std::vector<std::string> keys = {
      "a",   "a\0"s,      "a\0b"s,          "a\n", "a\r\n$1\r\n",  "a}",
      "{a}", "a:default", "a}:default:tb1", "%61", "\xED\xA0\x80", "\xEF\xBF\xBD"};
  keys.emplace_back(1 << 20, 'a');
  keys.push_back(std::string(1 << 20, 'a') + "b");
  for (const std::string& key : keys) {
    const Completion answer = recorder_->Run(*client, recorder_->Ask(set, key));
    EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
    EXPECT_EQ(BacklogOf(answer, 0), Nanos{0}) << key.substr(0, 20);
  }
  EXPECT_EQ(server_->Run({"DBSIZE"}).integers.at(0), static_cast<std::int64_t>(keys.size()));
}

TEST_F(ClientTest, ManyThreadsAdmitExactlyTheCapacity) {
  const auto client = Connect(server_->endpoint());
  const auto set = SlowBucket(1000);
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto recorder = std::make_shared<Recorder>();
      for (int round = 0; round < 10; ++round) {
        std::vector<Request> requests;
        std::vector<std::uint64_t> tickets;
        for (int i = 0; i < 50; ++i) {
          requests.push_back(recorder->Ask(set, "shared"));
          tickets.push_back(requests.back().ticket);
        }
        client->Submit(std::move(requests));
        for (const std::uint64_t ticket : tickets) {
          const Completion answer = recorder->Await(ticket);
          EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
          if (BacklogOf(answer, 0) <= std::chrono::hours(999)) ++admitted;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1000);
  const SessionStats stats = client->stats().at(0).session;
  EXPECT_EQ(stats.submitted, 2000U);
  EXPECT_EQ(stats.completed, 2000U);
  EXPECT_LE(stats.largest_batch, kMaxBatch);
}

TEST_F(ClientTest, AForgottenScriptIsLoadedAgain) {
  const auto client = Connect(server_->endpoint());
  const auto set = SlowBucket(10);
  ASSERT_EQ(recorder_->Run(*client, recorder_->Ask(set, "k")).fault, Fault::kNone);
  server_->Run({"SCRIPT", "FLUSH"});
  const Completion answer = recorder_->Run(*client, recorder_->Ask(set, "k"));
  EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
  EXPECT_GT(BacklogOf(answer, 0), Nanos{0});
  EXPECT_EQ(client->stats().at(0).session.script_reloads, 1U);
}

TEST_F(ClientTest, TheLastReferenceMayBeReleasedOnTheIoThread) {
  // A sink that holds the client, as a limiter does. After Submit it has the only reference.
  struct Owner final : Sink {
    void Deliver(std::span<Finished>) override {
      client.reset();
      ++*deliveries;
    }
    std::shared_ptr<Backend> client;
    std::shared_ptr<std::atomic<int>> deliveries;
  };
  const auto deliveries = std::make_shared<std::atomic<int>>(0);
  std::weak_ptr<Backend> watched;
  {
    const auto owner = std::make_shared<Owner>();
    owner->deliveries = deliveries;
    Endpoint own = server_->endpoint();
    own.database = 7;
    owner->client = Connect(own);
    watched = owner->client;
    Request request = recorder_->Ask(SlowBucket(1), "k");
    request.sink = owner;
    std::vector<Request> requests;
    requests.push_back(std::move(request));
    Backend* const client = owner->client.get();
    client->Submit(std::move(requests));
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (*deliveries == 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(*deliveries, 1);
  EXPECT_TRUE(watched.expired());
}

TEST_F(ClientTest, RequestsInFlightAreAnsweredAfterTheLastRelease) {
  Endpoint own = server_->endpoint();
  own.database = 8;
  auto client = Connect(own);
  std::vector<Request> requests;
  for (int i = 0; i < 1000; ++i) requests.push_back(recorder_->Ask(SlowBucket(1), "k"));
  client->Submit(std::move(requests));
  client.reset();
  for (std::uint64_t ticket = 1; ticket <= 1000; ++ticket) {
    const Fault fault = recorder_->Await(ticket).fault;
    EXPECT_TRUE(fault == Fault::kNone || fault == Fault::kClosed);
  }
}

TEST(ClientExit, AProcessMayExitWhileItsClientRuns) {
  RedisServer server;
  EXPECT_EXIT(
      {
        static const auto client = new std::shared_ptr(Connect(server.endpoint()));
        const auto recorder = std::make_shared<Recorder>();
        std::vector<Request> requests;
        for (int i = 0; i < 1000; ++i) requests.push_back(recorder->Ask(SlowBucket(1), "k"));
        (*client)->Submit(std::move(requests));
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::redis
