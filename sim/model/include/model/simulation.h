// One run in virtual time: seeded traffic through the real limiter, with its history.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "limiter/memory_limiter.h"
#include "model/history.h"
#include "model/random.h"
#include "model/scenario.h"
#include "model/traffic.h"

namespace sluice::sim {

/// The limiter's key for a caller: "caller-1" for caller 0, and so on.
std::string CallerName(std::uint32_t caller);

/// The highest cost of one request.
inline constexpr std::int64_t kHighestCost = 1'000'000;

/// Deterministic: the same scenario and the same calls at the same virtual times give the same
/// history, byte for byte. Reads no clock. Not thread safe.
class Simulation {
 public:
  explicit Simulation(const Scenario& scenario);

  Nanos now() const { return now_; }
  const Scenario& scenario() const { return scenario_; }
  const ChosenPolicy& policy() const { return scenario_.policy; }
  const History& history() const { return history_; }
  /// The time of the traffic's next request; none at rate 0.
  std::optional<Nanos> NextArrival() const;

  /// Processes all events up to and including `at`. Does nothing for a time in the past.
  void AdvanceTo(Nanos at);
  /// Goes to the next arrival and processes all events up to it. Returns false if there is none.
  bool StepEvent();
  /// Sends a request of the user now. 0 <= cost <= kHighestCost.
  void Send(std::uint32_t caller, std::int64_t cost);

  /// Holds from now on. Precondition: IsRate(rate).
  void SetRate(double rate);
  /// Holds from now on. Existing charges stay, as after a deployment with other numbers; but
  /// another algorithm or window starts every caller anew.
  void SetPolicy(const ChosenPolicy& policy);

  /// The limiter's answer to a request of cost 0 now: shows the state without a charge.
  Decision Look(std::uint32_t caller) const;
  /// The state itself, as the rule reads it now.
  Reading StateOf(std::uint32_t caller) const;

 private:
  /// The end of an admitted call that holds a slot.
  struct Ending {
    Nanos at{0};
    std::uint64_t id = 0;  // the request's id
    std::uint32_t caller = 0;
  };
  struct Later {
    bool operator()(const Ending& a, const Ending& b) const {
      return a.at != b.at ? a.at > b.at : a.id > b.id;
    }
  };

  Result Run(std::uint32_t caller, const Operation& operation, Nanos now,
             Snapshots* snapshots = nullptr) const;
  void Decide(std::uint32_t caller, std::int64_t cost, Origin origin);
  void EndCallsUntil(Nanos at);
  Nanos DrawHold(Origin origin);
  void TakeSlot(Request& request, Nanos hold);
  void Bind(bool fresh);

  Scenario scenario_;
  Nanos now_{0};
  Traffic traffic_;
  // Separate from the arrivals and from each other: traffic and call lengths are the same under
  // every policy, whatever the user sends.
  Random traffic_holds_;
  Random person_holds_;
  std::shared_ptr<const ChosenPolicy> policy_;
  std::shared_ptr<MemoryStore> store_;
  std::unique_ptr<MemoryLimiter> limiter_;
  History history_;
  std::vector<KeyHash> keys_;              // by caller
  std::vector<std::vector<Nanos>> slots_;  // by caller and slot: when the slot is free again
  std::priority_queue<Ending, std::vector<Ending>, Later> endings_;
};

}  // namespace sluice::sim
