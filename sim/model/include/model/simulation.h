// One run in virtual time: seeded traffic through the real limiter, and what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "limiter/memory_limiter.h"
#include "model/history.h"
#include "model/key_state.h"
#include "model/random.h"
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
  const ChosenPolicy& policy() const { return scenario_.policy; }
  const History& history() const { return history_; }
  /// When the traffic sends its next request; none at rate 0.
  std::optional<Nanos> NextArrival() const;

  /// Lets everything happen that is due until `at`, that moment included. A moment in the past
  /// changes nothing.
  void AdvanceTo(Nanos at);
  /// Goes to the next arrival and lets it happen, and what is due before. False if none ever comes.
  bool StepEvent();
  /// A request of the person's own, now. 0 <= cost <= kHighestCost.
  void Send(std::uint32_t caller, std::int64_t cost);

  /// From now on. Precondition: IsRate(rate).
  void SetRate(double rate);
  /// From now on. What was taken stays taken, as when an application is deployed with other
  /// numbers; but another algorithm or window starts every caller anew.
  void SetPolicy(const ChosenPolicy& policy);

  /// What the limiter would answer now to a request of cost 0: the state, charged to nobody.
  Decision Look(std::uint32_t caller) const;
  /// The state itself, as the rule would see it now.
  Reading StateOf(std::uint32_t caller) const;

 private:
  /// The end of an admitted call that holds a slot.
  struct Ending {
    Nanos at{0};
    std::uint64_t id = 0;  // of its request
    std::uint32_t caller = 0;
  };
  struct Later {
    bool operator()(const Ending& a, const Ending& b) const {
      return a.at != b.at ? a.at > b.at : a.id > b.id;
    }
  };

  void Decide(std::uint32_t caller, std::int64_t cost, Origin origin);
  void EndCallsUntil(Nanos at);
  Nanos DrawHold(Origin origin);
  void TakeSlot(Request& request, Nanos hold);
  void Bind(bool fresh);

  Scenario scenario_;
  Nanos now_{0};
  Traffic traffic_;
  // Apart from the arrivals and from each other: the traffic and its calls' lengths are the same
  // under every policy, whatever the person sends.
  Random traffic_holds_;
  Random person_holds_;
  std::shared_ptr<const ChosenPolicy> policy_;
  std::shared_ptr<MemoryStore> store_;
  std::unique_ptr<MemoryLimiter> limiter_;
  History history_;
  std::vector<KeyHash> keys_;              // by caller
  std::vector<KeyState> states_;           // by caller
  std::vector<std::vector<Nanos>> slots_;  // by caller, of each slot when it is free again
  std::priority_queue<Ending, std::vector<Ending>, Later> endings_;
};

}  // namespace sluice::sim
