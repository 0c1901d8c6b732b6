// Plays a simulation: how virtual time follows the time of the person who watches.
#pragma once

#include <cstdint>

#include "core/time.h"
#include "model/simulation.h"

namespace sluice::sim {

inline constexpr double kSlowest = 0.01;
inline constexpr double kFastest = 100.0;

/// Not thread safe. Reads no clock: Tick is told how much time has passed.
class Player {
 public:
  explicit Player(const Scenario& scenario) : simulation_(scenario) {}

  const Simulation& simulation() const { return simulation_; }
  Simulation& simulation() { return simulation_; }
  bool playing() const { return playing_; }
  double speed() const { return speed_; }

  /// Called once a frame with the real time since the last one; at most 100 ms of it counts, so
  /// that a window that hung or was dragged does not leap ahead.
  void Tick(Nanos elapsed);

  void SetPlaying(bool playing) { playing_ = playing; }
  /// Virtual seconds a real second, cut to kSlowest .. kFastest.
  void SetSpeed(double speed);
  /// Pauses, then goes to the next arrival. False if none ever comes.
  bool StepEvent();
  /// Time 0 again, with the numbers now set. Keeps playing or pausing.
  void Restart(std::uint64_t seed);

 private:
  Simulation simulation_;
  bool playing_ = false;
  double speed_ = 1;
};

}  // namespace sluice::sim
