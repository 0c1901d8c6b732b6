// One run in virtual time: seeded traffic through the real limiter, and what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limiter/memory_limiter.h"
#include "model/history.h"
#include "model/scenario.h"
#include "model/traffic.h"

namespace sluice::sim {

/// The key under which the limiter knows a caller: "caller-1" for caller 0, and so on.
std::string CallerName(std::uint32_t caller);

/// The most that one request may cost.
inline constexpr std::int64_t kHighestCost = 1'000'000;

/// Deterministic: the same scenario and the same calls at the same virtual times give the same
/// history, byte for byte. Reads no clock. Not thread safe.
class Simulation {
 public:
  explicit Simulation(const Scenario& scenario);

  Nanos now() const { return now_; }
  const Scenario& scenario() const { return scenario_; }
  const History& history() const { return history_; }
  /// When the traffic sends its next request; none at rate 0.
  std::optional<Nanos> NextArrival() const;

  /// Lets everything happen that is due until `at`, that moment included. A moment in the past
  /// changes nothing.
  void AdvanceTo(Nanos at);
  /// Goes to the next arrival and lets it happen. False if none ever comes.
  bool StepEvent();
  /// A request of the person's own, now. 0 <= cost <= kHighestCost.
  void Send(std::uint32_t caller, std::int64_t cost);

  /// From now on. Precondition: IsRate(rate).
  void SetRate(double rate);
  /// From now on; what was taken from the bucket stays taken, as when an application is deployed
  /// with other numbers.
  void SetBucket(const TokenBucket& bucket);

  /// What the limiter would answer now to a request of cost 0: the state, charged to nobody.
  Decision Look(std::uint32_t caller) const;

 private:
  void Decide(std::uint32_t caller, std::int64_t cost, Origin origin);
  void BindLimiter();

  Scenario scenario_;
  Nanos now_{0};
  PoissonTraffic traffic_;
  std::shared_ptr<MemoryStore> store_;
  std::unique_ptr<MemoryLimiter> limiter_;
  History history_;
  std::vector<KeyHash> keys_;  // by caller
};

}  // namespace sluice::sim
