// The circuit breaker.
#include "redis/breaker.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::redis {
namespace {

using State = BreakerState;

constexpr Nanos kMillisecond = std::chrono::milliseconds(1);

struct Fixture {
  explicit Fixture(std::uint64_t seed = 1) : random(seed) {}

  void Fail() { breaker.OnFailure(Fault::kUnavailable, "silent", now); }
  void WaitUntilProbe() {
    ASSERT_NE(breaker.NextProbe(), kNever);
    now = std::max(now, breaker.NextProbe());
  }
  void Probe() {
    WaitUntilProbe();
    ASSERT_TRUE(breaker.MayProbe(now));
    breaker.OnProbeSent(now);
  }

  std::mt19937_64 random;
  Breaker::Options options;
  Breaker breaker{options, random};
  Nanos now = std::chrono::seconds(1000);
};

TEST(Breaker, OpensAfterFailuresInARow) {
  Fixture f;
  f.Fail();
  EXPECT_TRUE(f.breaker.closed());
  f.breaker.OnSuccess();
  f.Fail();
  EXPECT_TRUE(f.breaker.closed());
  f.Fail();
  EXPECT_EQ(f.breaker.state(), State::kOpen);
  EXPECT_EQ(f.breaker.fault(), Fault::kUnavailable);
  EXPECT_EQ(f.breaker.why(), "silent");
  EXPECT_EQ(f.breaker.opened(), 1U);
}

TEST(Breaker, TripOpensAtOnce) {
  Fixture f;
  f.breaker.Trip(Fault::kRefused, "LOADING", f.now);
  EXPECT_EQ(f.breaker.state(), State::kOpen);
  EXPECT_EQ(f.breaker.fault(), Fault::kRefused);
  EXPECT_FALSE(f.breaker.MayProbe(f.now));
}

TEST(Breaker, FailuresWhileOpenDoNotLengthenTheWait) {
  Fixture f;
  f.breaker.Trip(Fault::kRefused, "LOADING", f.now);
  const Nanos probe = f.breaker.NextProbe();
  for (int i = 0; i < 32; ++i) f.breaker.Trip(Fault::kServer, "CLUSTERDOWN", f.now);
  EXPECT_EQ(f.breaker.NextProbe(), probe);
  EXPECT_EQ(f.breaker.fault(), Fault::kServer);
  EXPECT_EQ(f.breaker.why(), "CLUSTERDOWN");
}

TEST(Breaker, OneProbeIsAllowedAndItsAnswerCloses) {
  Fixture f;
  f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
  f.Probe();
  EXPECT_EQ(f.breaker.state(), State::kHalfOpen);
  EXPECT_FALSE(f.breaker.MayProbe(f.now + std::chrono::hours(1)));
  f.breaker.OnSuccess();
  EXPECT_TRUE(f.breaker.closed());
  EXPECT_EQ(f.breaker.fault(), Fault::kNone);
  EXPECT_TRUE(f.breaker.why().empty());
  EXPECT_EQ(f.breaker.TakeChanges(), (std::vector{State::kOpen, State::kHalfOpen, State::kClosed}));
  EXPECT_TRUE(f.breaker.TakeChanges().empty());
}

TEST(Breaker, AFailedProbeOpensAgain) {
  Fixture f;
  f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
  f.Probe();
  f.Fail();
  EXPECT_EQ(f.breaker.state(), State::kOpen);
  EXPECT_GE(f.breaker.NextProbe(), f.now + 10 * kMillisecond);
  EXPECT_EQ(f.breaker.opened(), 1U) << "it had not been closed";
}

TEST(Breaker, AnUnansweredProbeOpensAgainAfterATimeout) {
  Fixture f;
  f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
  f.Probe();
  const Nanos due = f.breaker.NextTime();
  EXPECT_EQ(due, f.now + f.options.probe_timeout);
  f.breaker.OnTime(due - kMillisecond);
  EXPECT_EQ(f.breaker.state(), State::kHalfOpen);
  f.now = due;
  f.breaker.OnTime(f.now);
  EXPECT_EQ(f.breaker.state(), State::kOpen);
  EXPECT_EQ(f.breaker.why(), "gone");
  EXPECT_EQ(f.breaker.NextTime(), kNever);
  f.Probe();
  EXPECT_EQ(f.breaker.state(), State::kHalfOpen);
}

TEST(Breaker, BacksOffLongerEachTimeAndAnewAfterClosing) {
  Nanos first_sum{0};
  Nanos later_sum{0};
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Fixture f(seed);
    const auto wait = [&f] { return f.breaker.NextProbe() - f.now; };
    f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
    EXPECT_LE(wait(), 50 * kMillisecond);
    first_sum += wait();
    for (int i = 0; i < 10; ++i) {
      f.Probe();
      f.Fail();
      EXPECT_LE(wait(), 750 * kMillisecond);
      EXPECT_GE(wait(), 10 * kMillisecond);
    }
    later_sum += wait();
    f.Probe();
    f.breaker.OnSuccess();
    f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
    EXPECT_LE(wait(), 50 * kMillisecond);
  }
  EXPECT_GT(later_sum, 5 * first_sum);
}

TEST(Breaker, ASignOfLifeAllowsAProbeAtOnce) {
  Fixture f;
  f.breaker.OnSignOfLife(f.now);
  EXPECT_TRUE(f.breaker.closed());
  f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
  f.breaker.OnSignOfLife(f.now);
  EXPECT_EQ(f.breaker.state(), State::kOpen);
  EXPECT_TRUE(f.breaker.MayProbe(f.now));
}

TEST(Breaker, AProbeThatWasNotExecutedMayBeSentAgainAtOnce) {
  Fixture f;
  f.breaker.OnProbeReturned(f.now);
  EXPECT_TRUE(f.breaker.closed());
  f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
  f.Probe();
  f.breaker.OnProbeReturned(f.now);
  EXPECT_TRUE(f.breaker.MayProbe(f.now));
}

TEST(Breaker, AFreezeForgetsFailuresAndRestartsTheProbesTimeout) {
  Fixture f;
  f.Fail();
  f.breaker.Forgive(f.now);
  f.Fail();
  EXPECT_TRUE(f.breaker.closed());
  f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
  f.Probe();
  f.now += std::chrono::seconds(30);
  f.breaker.Forgive(f.now);
  f.breaker.OnTime(f.now);
  EXPECT_EQ(f.breaker.state(), State::kHalfOpen);
  EXPECT_EQ(f.breaker.NextTime(), f.now + f.options.probe_timeout);
}

TEST(Breaker, UntakenChangesAreBounded) {
  Fixture f;
  for (int i = 0; i < 100; ++i) {
    f.breaker.Trip(Fault::kUnavailable, "gone", f.now);
    f.Probe();
    f.breaker.OnSuccess();
  }
  const std::vector<State> changes = f.breaker.TakeChanges();
  EXPECT_EQ(changes.size(), 16U);
  EXPECT_EQ(changes.back(), State::kClosed);
}

}  // namespace
}  // namespace sluice::redis
