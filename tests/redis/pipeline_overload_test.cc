// An overloaded server, in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

constexpr Nanos kDeadline = 100 * kMillisecond;
constexpr Nanos kStep = kMillisecond;

// Serves one batch after the other, each request of it for so long; the line takes `one_way`.
struct Server {
  Nanos per_request;
  Nanos one_way;
};

struct Outcome {
  std::size_t asked = 0;
  std::size_t by_store = 0;
  std::size_t missed = 0;  // their deadlines, though shed or sent
  double capacity = 0;     // the most that the server could answer in that time
  Nanos median{0};         // of all answers
  Nanos p99{0};
};

// `per_step` checks arrive each ms, for so many ms.
Outcome Serve(const Server& server, int per_step, int steps) {
  ServerSessionDriver driver;
  driver.GetReady();
  struct Batch {
    std::size_t checks;
    Nanos answered;
  };
  std::deque<Batch> under_way;
  Nanos free = driver.now;
  std::vector<std::pair<std::uint64_t, Nanos>> asked;
  const Nanos start = driver.now;
  const auto last = start + steps * kStep;
  while (driver.now < last + kDeadline) {
    const int arriving = driver.now < last ? per_step : 0;
    for (int i = 0; i < arriving; ++i) asked.emplace_back(driver.Check("k", kDeadline), driver.now);
    const Nanos until = driver.now + kStep;
    while (true) {
      for (const SentCommand& command : driver.Sent()) {
        const std::size_t checks = ChecksIn(command);
        free = std::max(free, driver.now + server.one_way) +
               server.per_request * static_cast<std::int64_t>(checks);
        under_way.push_back({checks, free + server.one_way});
      }
      if (under_way.empty() || under_way.front().answered > until) break;
      const Batch batch = under_way.front();
      under_way.pop_front();
      driver.Pass(std::max(Nanos{0}, batch.answered - driver.now));
      driver.AnswerFull(batch.checks);
    }
    driver.Pass(until - driver.now);
  }
  Outcome outcome;
  outcome.capacity = static_cast<double>((last - start) / server.per_request);
  for (const auto& [ticket, at] : asked) {
    const Fault fault = driver.Result(ticket).fault;
    ++outcome.asked;
    outcome.by_store += fault == Fault::kNone ? 1 : 0;
    outcome.missed += fault == Fault::kTimeout ? 1 : 0;
  }
  outcome.median = driver.session.latency().Quantile(0.5);
  outcome.p99 = driver.session.latency().Quantile(0.99);
  ::testing::Test::RecordProperty("by_store", static_cast<int>(outcome.by_store));
  std::printf(
      "asked %zu, by the store %zu (%.0f%% of what it could), missed %zu, p50 %lld us, "
      "p99 %lld us\n",
      outcome.asked, outcome.by_store,
      100.0 * static_cast<double>(outcome.by_store) / outcome.capacity, outcome.missed,
      static_cast<long long>(outcome.median.count() / 1000),
      static_cast<long long>(outcome.p99.count() / 1000));
  return outcome;
}

constexpr auto kMicro = [](std::int64_t us) { return Nanos{us * 1000}; };

TEST(PipelineOverload, TwiceTheCapacityIsAnsweredAsFarAsThereIsCapacity) {
  for (const Server& server : {Server{kMicro(100), kMicro(50)}, Server{kMicro(50), kMicro(200)},
                               Server{kMicro(400), kMicro(10'000)}}) {
    const int twice = static_cast<int>(2 * kStep / server.per_request);
    const Outcome outcome = Serve(server, twice, 3000);
    EXPECT_GE(static_cast<double>(outcome.by_store), 0.8 * outcome.capacity);
    EXPECT_LE(outcome.missed, outcome.asked / 50);
    EXPECT_LE(outcome.median, kDeadline * 9 / 10);
  }
}

TEST(PipelineOverload, ALongLineWithinTheCapacityIsNoOverload) {
  for (const Nanos one_way : {kMicro(100), kMicro(20'000), kMicro(25'000)}) {
    const Outcome outcome = Serve({.per_request = kMicro(10), .one_way = one_way}, 40, 1000);
    EXPECT_EQ(outcome.by_store, outcome.asked);
  }
}

TEST(PipelineOverload, AHiccupIsForgotten) {
  ServerSessionDriver driver;
  driver.GetReady();
  // Two batches that meet a stall, though both are answered in time.
  driver.Check("a", 10'000 * kMillisecond);
  driver.Check("b", 10'000 * kMillisecond);
  driver.Sent();
  driver.AnswerFull(1);
  driver.Pass(5'000 * kMillisecond);
  driver.AnswerFull(1);
  // One at a time, and then three at once.
  for (int i = 0; i < 60; ++i) {
    driver.Pass(kMillisecond);
    driver.Check("c");
    driver.Sent();
    driver.Pass(kMillisecond / 10);
    driver.AnswerFull(1);
  }
  for (int i = 0; i < 3; ++i) driver.Check("d");
  EXPECT_EQ(driver.session.stats().shed, 0U);
}

}  // namespace
}  // namespace sluice::redis
