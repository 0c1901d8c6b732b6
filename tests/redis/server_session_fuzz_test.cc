// A session under random events: every request gets one result, in time, and its own.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "redis/backlog.h"
#include "redis/server_session_driver.h"
#include "support/seed.h"

namespace sluice::redis {
namespace {

// A server that answers each check with the number in its key as the backlog, or with an error.
class FakeServer {
 public:
  explicit FakeServer(testing::Random& random) : random_(random) {}

  void Hear(const SentCommand& command) {
    if (command[0] == "SCRIPT") {
      replies_ += "$40\r\n" + std::string(kSha) + "\r\n";
    } else if (command[0] == "PING") {
      replies_ += "+PONG\r\n";
    } else if (command[0] == "UNLINK") {
      replies_ += ":1\r\n";
    } else if (random_.OneIn(40)) {
      replies_ += "-NOSCRIPT\r\n";
    } else if (random_.OneIn(40)) {
      replies_ += "-OOM\r\n";
    } else {
      const std::size_t checks = ChecksIn(command);
      replies_ += "*" + std::to_string(checks + 1) + "\r\n:1\r\n";
      for (std::size_t i = 0; i < checks; ++i) {
        const std::string& key = command[3 + i];  // p:{17}:default:tb1
        replies_ += ":" + key.substr(3, key.find('}') - 3) + "\r\n";
        ++executed[key];
      }
    }
  }

  // Some of what there is to say, cut anywhere.
  std::string Say() {
    const auto size = static_cast<std::int64_t>(replies_.size());
    const auto count = static_cast<std::size_t>(random_.OneIn(2) ? size : random_.Between(0, size));
    std::string said = replies_.substr(0, count);
    replies_.erase(0, count);
    return said;
  }

  void Forget() { replies_.clear(); }

  std::map<std::string, int> executed;

 private:
  testing::Random& random_;
  std::string replies_;
};

TEST(ServerSessionFuzz, EveryRequestIsAnsweredOnceInTimeAndWithItsOwnResult) {
  const std::uint64_t seed = testing::TestSeed();
  testing::Random random(seed);
  for (int round = 0; round < 300; ++round) {
    ServerSession::Options options;
    options.pipeline.max_batch = static_cast<std::size_t>(random.Between(1, 8));
    options.pipeline.max_in_flight = static_cast<std::size_t>(random.Between(1, 3));
    ServerSessionDriver driver(options, seed + static_cast<std::uint64_t>(round));
    FakeServer server(random);
    std::uint64_t connection = 0;
    bool connected = false;
    std::map<std::uint64_t, Nanos> deadlines;
    std::set<std::uint64_t> resets;

    for (int step = 0; step < 400; ++step) {
      if (driver.session.WantedConnection() != connection) {
        connection = driver.session.WantedConnection();
        connected = false;
        server.Forget();
      }
      switch (random.Between(0, 9)) {
        case 0:
        case 1:
        case 2: {
          const Nanos timeout = random.Between(1, 200) * kMillisecond;
          const auto kind = random.OneIn(10)  ? Request::Kind::kReset
                            : random.OneIn(5) ? Request::Kind::kPeek
                                              : Request::Kind::kCheck;
          const std::string key = std::to_string(deadlines.size() + 1);
          const std::uint64_t ticket = driver.Submit(kind, key, timeout);
          deadlines[ticket] = driver.now + timeout;
          if (kind == Request::Kind::kReset) resets.insert(ticket);
          break;
        }
        case 3:
        case 4:
          if (connection != 0 && !connected) {
            if (random.OneIn(4)) {
              driver.Lose();
            } else {
              driver.session.OnConnected(driver.now);
              connected = true;
            }
          } else if (connected) {
            for (const SentCommand& command : driver.Sent()) server.Hear(command);
          }
          break;
        case 5:
        case 6:
        case 7:
          if (connected) driver.Receive(server.Say());
          break;
        case 8:
          driver.Pass(random.Between(0, 60) * kMillisecond);
          break;
        default:
          if (connected && random.OneIn(10)) driver.Lose();
          break;
      }
      for (const auto& [ticket, deadline] : deadlines) {
        ASSERT_TRUE(deadline > driver.now || driver.now == deadline || driver.Answered(ticket))
            << "round " << round << " step " << step;
      }
      ASSERT_LE(driver.session.stats().largest_batch, options.pipeline.max_batch);
    }

    driver.Pass(std::chrono::seconds(1));
    for (const auto& [ticket, deadline] : deadlines) {
      const Completion answer = driver.Result(ticket);
      if (answer.fault == Fault::kNone && !resets.contains(ticket)) {
        ASSERT_EQ(BacklogOf(answer, 0), Nanos{static_cast<std::int64_t>(ticket)});
      }
      ASSERT_LE(server.executed["p:{" + std::to_string(ticket) + "}:default:tb1"], 1)
          << "sent again after it was executed";
    }
    const SessionStats stats = driver.session.stats();
    ASSERT_EQ(stats.submitted, deadlines.size());
    ASSERT_EQ(stats.completed, deadlines.size());
    ASSERT_EQ(stats.queue_depth, 0U);
  }
}

}  // namespace
}  // namespace sluice::redis
