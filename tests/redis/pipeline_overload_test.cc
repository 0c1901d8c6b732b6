// An overloaded server, in virtual time.
#include <algorithm>
#include <deque>
#include <vector>

#include "redis/pipeline_fixture.h"

namespace sluice::redis {
namespace {

constexpr Nanos kDeadline = 100 * kMillisecond;
constexpr Nanos kStep = kMillisecond;

// Serves one batch after the other.
struct Server {
  Nanos per_request;
  Nanos one_way;  // of the network
};

struct Outcome {
  std::size_t asked = 0;
  std::size_t by_store = 0;
  std::size_t missed = 0;  // deadlines
  double capacity = 0;     // the number of checks that the server could answer
  Nanos median{0};         // of all answers
  Nanos p99{0};
};

// `per_step` checks arrive in each of `steps` milliseconds.
Outcome Serve(SessionDriver& driver, const Server& server, int per_step, int steps) {
  struct Batch {
    std::size_t checks;
    Nanos answered;
  };
  std::deque<Batch> in_flight;
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
        in_flight.push_back({checks, free + server.one_way});
      }
      if (in_flight.empty() || in_flight.front().answered > until) break;
      const Batch batch = in_flight.front();
      in_flight.pop_front();
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
  outcome.median = driver.latency().Quantile(0.5);
  outcome.p99 = driver.latency().Quantile(0.99);
  return outcome;
}

constexpr auto kMicro = [](std::int64_t us) { return Nanos{us * 1000}; };

class PipelineOverload : public PipelineTest {};
OVER_BOTH_SESSIONS(PipelineOverload);

TEST_P(PipelineOverload, AtTwiceTheCapacityTheServerIsUsedAndAnswersInTime) {
  for (const Server& server : {Server{kMicro(100), kMicro(50)}, Server{kMicro(50), kMicro(200)},
                               Server{kMicro(400), kMicro(10'000)}}) {
    const int twice = static_cast<int>(2 * kStep / server.per_request);
    const Outcome outcome = Serve(*Make(), server, twice, 3000);
    EXPECT_GE(static_cast<double>(outcome.by_store), 0.8 * outcome.capacity);
    EXPECT_LE(outcome.missed, outcome.asked / 50);
    EXPECT_LE(outcome.median, kDeadline * 9 / 10);
  }
}

TEST_P(PipelineOverload, ALongRoundTripWithinTheCapacityIsNotAnOverload) {
  for (const Nanos one_way : {kMicro(100), kMicro(20'000), kMicro(25'000)}) {
    const Outcome outcome =
        Serve(*Make(), {.per_request = kMicro(10), .one_way = one_way}, 40, 1000);
    EXPECT_EQ(outcome.by_store, outcome.asked);
  }
}

TEST_P(PipelineOverload, AStallIsForgotten) {
  const Driver driver = Make();
  // Two batches that meet a stall, though both are answered in time.
  driver->Check("a", 10 * kSecond);
  driver->Check("b", 10 * kSecond);
  driver->Sent();
  driver->AnswerFull(1);
  driver->Pass(5 * kSecond);
  driver->AnswerFull(1);
  // One at a time, and then three at once.
  for (int i = 0; i < 60; ++i) {
    driver->Pass(kMillisecond);
    driver->Check("c");
    driver->Sent();
    driver->Pass(kMillisecond / 10);
    driver->AnswerFull(1);
  }
  for (int i = 0; i < 3; ++i) driver->Check("d");
  EXPECT_EQ(driver->stats().shed, 0U);
}

}  // namespace
}  // namespace sluice::redis
