// A source of passwords, which is asked for each connection, and unix sockets.
#include "redis/password.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "redis/backlog.h"
#include "redis/connect.h"
#include "redis/recorder.h"
#include "redis/redis_server.h"

namespace sluice::redis {
namespace {

using sluice::testing::RedisServer;
using Question = std::shared_ptr<PasswordRequest>;

// A source with answers from the test. Counts the calls from 1.
class Source final : public PasswordSource {
 public:
  explicit Source(std::function<void(int, Question)> answer) : answer_(std::move(answer)) {}
  void Ask(Question request) override { answer_(++asked, std::move(request)); }

  std::atomic<int> asked = 0;

 private:
  const std::function<void(int, Question)> answer_;
};

Endpoint With(const RedisServer& server, std::shared_ptr<PasswordSource> source) {
  Endpoint endpoint = server.endpoint();
  endpoint.password_source = std::move(source);
  return endpoint;
}

class PasswordTest : public ::testing::Test {
 protected:
  PasswordTest() { server_.Run({"CONFIG", "SET", "requirepass", "first"}); }

  Completion Ask(Backend& client) {
    return recorder_->Run(client, recorder_->Ask(SlowBucket(1000), "k"));
  }
  // Checks until the server answers; fails the test after a minute.
  void AskUntilAnswered(Backend& client) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    Completion answer = Ask(client);
    while (answer.fault != Fault::kNone && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      answer = Ask(client);
    }
    EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
  }

  // The number of connections that the server accepted.
  std::int64_t Connections() {
    server_.Run({"AUTH", "first"});
    const std::string info = server_.Text({"INFO", "stats"});
    const std::string name = "total_connections_received:";
    return std::stoll(info.substr(info.find(name) + name.size()));
  }

  RedisServer server_;
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
};

TEST_F(PasswordTest, IsRequestedOncePerConnection) {
  const auto source =
      std::make_shared<Source>([](int, const Question& request) { request->Give("first"); });
  const auto client = Connect(With(server_, source));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Ask(*client).fault, Fault::kNone);
  EXPECT_EQ(source->asked, 1);
  server_.Run({"AUTH", "first"});
  server_.Run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  AskUntilAnswered(*client);
  EXPECT_EQ(source->asked, 2);
}

TEST_F(PasswordTest, ARotatedPasswordIsRequestedOnReconnect) {
  std::atomic<bool> rotated = false;
  const auto source = std::make_shared<Source>(
      [&](int, const Question& request) { request->Give(rotated ? "second" : "first"); });
  const auto client = Connect(With(server_, source));
  EXPECT_EQ(Ask(*client).fault, Fault::kNone);
  server_.Run({"AUTH", "first"});
  server_.Run({"CONFIG", "SET", "requirepass", "second"});
  server_.Run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  Completion refused;
  do {
    refused = Ask(*client);
    ASSERT_NE(refused.fault, Fault::kNone);
  } while (refused.fault != Fault::kRefused);
  EXPECT_TRUE(refused.detail.starts_with("WRONGPASS")) << refused.detail;
  EXPECT_EQ(refused.detail.find("first"), std::string::npos);
  rotated = true;
  AskUntilAnswered(*client);
}

TEST_F(PasswordTest, AMissingPasswordIsAFaultWithAReason) {
  const auto source = std::make_shared<Source>([](int asked, const Question& request) {
    if (asked == 1) return request->Refuse("the token server is away");
    if (asked == 2) return request->Give("");
    request->Give("first");
  });
  const auto client = Connect(With(server_, source));
  const Completion refused = Ask(*client);
  EXPECT_EQ(refused.fault, Fault::kRefused);
  EXPECT_EQ(refused.detail, "no password: the token server is away");
  AskUntilAnswered(*client);
  EXPECT_EQ(source->asked, 3) << "an empty password is none";
}

TEST_F(PasswordTest, ASlowAnswerServesALaterAttempt) {
  std::promise<Question> first_question;
  const auto source = std::make_shared<Source>([&](int asked, Question request) {
    if (asked == 1) first_question.set_value(std::move(request));
  });
  const auto client = Connect(With(server_, source));
  const Completion first = Ask(*client);
  EXPECT_EQ(first.fault, Fault::kUnavailable);
  EXPECT_EQ(first.detail, "connecting took too long: the password function has not answered");
  const std::int64_t attempts = Connections();
  while (Connections() == attempts) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Question request = first_question.get_future().get();
  request->Give("first");
  request->Refuse("too late to be heard");
  AskUntilAnswered(*client);
  EXPECT_EQ(source->asked, 1) << "attempts do not pile up questions";
}

TEST_F(PasswordTest, AnUnansweredCallDoesNotKeepTheClient) {
  Question kept;
  const auto source =
      std::make_shared<Source>([&](int, Question request) { kept = std::move(request); });
  auto client = Connect(With(server_, source));
  EXPECT_EQ(Ask(*client).fault, Fault::kUnavailable);
  client.reset();
  kept->Give("first");  // no client is left
}

TEST_F(PasswordTest, IsNotRequestedWhileTheServerIsUnreachable) {
  const auto source =
      std::make_shared<Source>([](int, const Question& request) { request->Give("first"); });
  const auto client = Connect(With(server_, source));
  EXPECT_EQ(Ask(*client).fault, Fault::kNone);
  server_.Kill();
  while (Ask(*client).detail.find("Connection refused") == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const int asked = source->asked;  // a dying server may still have accepted a connection
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // many attempts
  EXPECT_EQ(source->asked, asked);
}

TEST_F(PasswordTest, OneSourceIsOneClient) {
  const auto make = [] {
    return std::make_shared<Source>([](int, const Question& request) { request->Give("first"); });
  };
  const auto source = make();
  const auto client = Connect(With(server_, source));
  EXPECT_EQ(Connect(With(server_, source)), client);
  EXPECT_NE(Connect(With(server_, make())), client);
}

class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-unix-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = name;
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(folder_); }

  static Completion AskOnce(const std::string& path) {
    Endpoint endpoint;
    endpoint.path = path;
    endpoint.database = 3;
    const auto recorder = std::make_shared<Recorder>();
    const auto client = Connect(endpoint);
    return recorder->Run(*client, recorder->Ask(SlowBucket(5), "k"));
  }

  std::filesystem::path folder_;
};

TEST_F(UnixSocketTest, CarriesChecks) {
  // The longest path.
  const std::string path = folder_.string() + "/" + std::string(106 - folder_.string().size(), 's');
  RedisServer server({"--unixsocket", path});
  const Completion answer = AskOnce(path);
  EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
  EXPECT_EQ(BacklogOf(answer, 0), Nanos{0});
  EXPECT_NE(server.Text({"INFO", "keyspace"}).find("db3:keys=1"), std::string::npos);
}

TEST_F(UnixSocketTest, AMissingSocketIsAFaultThatNamesIt) {
  const std::string path = folder_.string() + "/missing";
  const Completion answer = AskOnce(path);
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
  EXPECT_EQ(answer.detail, "unix:" + path + ": cannot connect: No such file or directory");
}

}  // namespace
}  // namespace sluice::redis
