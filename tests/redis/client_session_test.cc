// Requests through the user's client: commands, and a client that keeps, drops or refuses them.
#include "redis/client_session.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "redis/client_session_driver.h"
#include "support/policies.h"
#include "support/scale.h"
#include "support/seed.h"

namespace sluice::redis {
namespace {

using Command = ClientSession::Command;
using Kind = Request::Kind;
using State = BreakerState;

State StateOf(const ClientSessionDriver& driver) { return driver.session.stats().breaker; }

TEST(ClientSession, ACheckIsAnEvalsha) {
  ClientSessionDriver driver;
  const auto ticket = driver.Check("k");
  const Command command = driver.SentOne();
  EXPECT_EQ(command.name, "evalsha");
  EXPECT_EQ(command.pieces.at(0), ScriptSha());
  EXPECT_EQ(command.pieces.at(1), "1");
  EXPECT_EQ(command.first_key, 2U);
  EXPECT_EQ(command.pieces.at(2), "p:{k}:default:tb1");
  EXPECT_EQ(command.deadline, driver.now + 100 * kMillisecond);
  driver.Answer(command, {7, 5});
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(ticket).at, Micros{7});
  EXPECT_EQ(driver.Result(ticket).readings[0].numbers[0], 5);
}

// Clients with several connections answer in any order.
TEST(ClientSession, RepliesMayComeInAnyOrder) {
  ClientSessionDriver driver;
  const auto first = driver.Check("a");
  const auto second = driver.Check("b");
  const auto sent = driver.Commands();
  ASSERT_EQ(sent.size(), 2U);
  for (int i = 0; i < 5; ++i) driver.Check("k" + std::to_string(i));
  driver.AnswerFull(sent[1]);
  EXPECT_EQ(driver.Result(second).fault, Fault::kNone);
  EXPECT_FALSE(driver.Answered(first));
  EXPECT_EQ(driver.SentOne().pieces.at(1), "5");
}

TEST(ClientSession, TheTextIsSentToAServerThatDoesNotKnowTheScript) {
  ClientSessionDriver driver;
  const auto ticket = driver.Check("k");
  const Command by_sha = driver.SentOne();
  driver.Fail(by_sha, "NOSCRIPT No matching script. Please use EVAL.");
  const Command whole = driver.SentOne();
  EXPECT_EQ(whole.name, "eval");
  EXPECT_EQ(whole.pieces.at(0), ScriptText());
  EXPECT_EQ(std::vector(whole.pieces.begin() + 1, whole.pieces.end()),
            std::vector(by_sha.pieces.begin() + 1, by_sha.pieces.end()));
  EXPECT_FALSE(driver.Answered(ticket));
  driver.AnswerFull(whole);
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
  EXPECT_EQ(driver.session.stats().script_reloads, 1U);
}

TEST(ClientSession, TheTextIsSentAfterARefusalOfEvalshaAndARefusalOfBothIsReported) {
  ClientSessionDriver driver;
  const auto first = driver.Check("k");
  driver.Fail(driver.SentOne(), "NOPERM this user has no permissions to run the 'evalsha' command");
  const Command whole = driver.SentOne();
  EXPECT_EQ(whole.name, "eval");
  driver.AnswerFull(whole);
  EXPECT_EQ(driver.Result(first).fault, Fault::kNone);
  EXPECT_EQ(driver.session.stats().script_reloads, 0U);

  const auto second = driver.Check("k");
  driver.Fail(driver.SentOne(), "ERR unknown command `EVALSHA`, with args beginning with: `x`");
  driver.Fail(driver.SentOne(), "NOPERM this user has no permissions to run the 'eval' command");
  EXPECT_EQ(driver.Result(second).fault, Fault::kServer);
  EXPECT_EQ(driver.Result(second).detail,
            "ERR unknown command `EVALSHA`; and for EVAL: NOPERM this user has no permissions to "
            "run the 'eval' command (the user needs +evalsha and +eval)");
}

TEST(ClientSession, NoscriptInReplyToTheTextIsAnError) {
  ClientSessionDriver driver;
  const auto ticket = driver.Check("k");
  driver.Fail(driver.SentOne(), "NOSCRIPT");
  driver.Fail(driver.SentOne(), "NOSCRIPT");
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kServer);
  EXPECT_TRUE(driver.Commands().empty());
}

TEST(ClientSession, AResetIsAnUnlinkOfAllNames) {
  ClientSessionDriver driver;
  const auto ticket = driver.Submit(Kind::kReset, "k", 5 * kSecond);
  const Command command = driver.SentOne();
  EXPECT_EQ(command.name, "unlink");
  EXPECT_EQ(command.pieces, (std::vector<std::string>{"p:{k}:default:tb1", "p:{k}:default:tb1:r"}));
  EXPECT_EQ(command.first_key, 0U);
  driver.Answer(command, {1});
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
}

TEST(ClientSession, AClientThatKeepsCommandsGetsOnlyAFew) {
  ClientSession::Options options;
  options.pipeline.max_abandoned = 4;
  ClientSessionDriver driver(options);
  std::vector<Command> kept;
  for (int i = 0; i < 5000; ++i) {
    driver.Check("k");
    for (Command& command : driver.Commands()) kept.push_back(std::move(command));
    driver.Pass(10 * kMillisecond);
  }
  EXPECT_EQ(kept.size(), options.pipeline.max_abandoned);
  EXPECT_EQ(driver.session.stats().submitted, 5000U);
  // Each dropped or answered command makes room for a probe.
  driver.Lose(kept[0]);
  const auto probe = driver.Check("k");
  driver.AnswerFull(driver.SentOne());
  EXPECT_EQ(driver.Result(probe).fault, Fault::kNone);
  EXPECT_EQ(StateOf(driver), State::kClosed);
}

TEST(ClientSession, ForgottenCommandsDoNotStopProbesForEver) {
  ClientSessionDriver driver;
  std::size_t sent = 0;
  for (int i = 0; i < 10'000; ++i) {
    driver.Check("k");
    sent += driver.Commands().size();
    driver.Pass(10 * kMillisecond);
  }
  EXPECT_GT(sent, 4U) << "in 100 s";
  EXPECT_LT(sent, 10U);
}

TEST(ClientSession, AClientThatFailsAtOnceIsRetriedWithPauses) {
  ClientSessionDriver driver;
  const auto ticket = driver.Submit(Kind::kReset, "k", 5 * kSecond);
  std::size_t sent = 0;
  while (!driver.Answered(ticket)) {
    for (const Command& command : driver.Commands()) {
      ++sent;
      ASSERT_LT(sent, 100U);
      driver.Lose(command, "Connection is closed.");
    }
    driver.Pass(10 * kMillisecond);
  }
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kUnavailable);
  EXPECT_EQ(driver.Result(ticket).detail, "Connection is closed.");
  EXPECT_GT(sent, 3U);
}

class ClientSessionAtRandom : public ::testing::TestWithParam<bool> {};

TEST_P(ClientSessionAtRandom, EveryRequestIsAnsweredOnceAndByItsDeadline) {
  std::mt19937_64 random(testing::TestSeed());
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  // Slots move, and nodes are forgotten.
  const auto node_of = [&below](std::uint16_t slot) {
    return static_cast<std::uint32_t>(below(20) == 0 ? below(3) : slot % 2);
  };
  ClientSessionDriver driver(
      {.cluster = GetParam(), .node_of = node_of, .pipeline = {.lost_after = kSecond}}, random());
  std::vector<Command> held;
  std::map<std::uint64_t, Nanos> deadlines;
  const int steps = testing::Steps(20'000);
  for (int step = 0; step < steps; ++step) {
    if (below(3) == 0) {
      const auto kind = static_cast<Kind>(below(10));
      const Nanos timeout = static_cast<std::int64_t>(1 + below(300)) * kMillisecond;
      const auto ticket = driver.Submit(kind, "k" + std::to_string(below(5)), timeout);
      deadlines[ticket] = driver.now + timeout;
    }
    for (Command& command : driver.Commands()) held.push_back(std::move(command));
    if (!held.empty() && below(2) == 0) {
      const std::size_t at = below(held.size());
      const Command command = held[at];
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
      switch (below(6)) {
        case 0:
          driver.Lose(command);
          break;
        case 1:
          driver.Fail(command, std::array{"NOSCRIPT", "BUSY x", "OOM x", "MOVED 1 a:1"}[below(4)]);
          break;
        case 2:
          driver.Answer(command, {1, 2});
          break;
        case 3:
          break;  // never answered
        default:
          driver.AnswerFull(command, command.name == "unlink" ? 0 : std::stoul(command.pieces[1]));
      }
    }
    driver.Pass(static_cast<std::int64_t>(below(20)) * kMillisecond);
    for (auto at = deadlines.begin(); at != deadlines.end();) {
      if (driver.Answered(at->first)) {
        at = deadlines.erase(at);
        continue;
      }
      ASSERT_GT(at->second, driver.now) << "step " << step;
      ++at;
    }
  }
  driver.session.Close();
  for (const auto& [ticket, deadline] : deadlines) EXPECT_TRUE(driver.Answered(ticket));
  const SessionStats stats = driver.session.stats();
  EXPECT_EQ(stats.submitted, stats.completed);
}
INSTANTIATE_TEST_SUITE_P(ClientSession, ClientSessionAtRandom, ::testing::Bool(),
                         [](const auto& instance) {
                           return instance.param ? "OnACluster" : "OnOneServer";
                         });

}  // namespace
}  // namespace sluice::redis
