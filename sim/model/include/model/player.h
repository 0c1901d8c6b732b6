// Playback of a simulation: maps real time to virtual time.
#pragma once

#include <cstdint>

#include "core/time.h"
#include "model/simulation.h"

namespace sluice::sim {

inline constexpr double kSlowest = 0.01;
inline constexpr double kFastest = 100.0;

/// Not thread safe. Reads no clock: Tick receives the elapsed time.
class Player {
 public:
  explicit Player(const Scenario& scenario) : simulation_(scenario) {}

  const Simulation& simulation() const { return simulation_; }
  Simulation& simulation() { return simulation_; }
  bool playing() const { return playing_; }
  double speed() const { return speed_; }

  /// Call once a frame with the real time since the last one. At most 100 ms of it count, so that a
  /// window that hung or was dragged does not leap ahead.
  void Tick(Nanos elapsed);

  void SetPlaying(bool playing) { playing_ = playing; }
  /// Sets the virtual seconds per real second, limited to kSlowest .. kFastest.
  void SetSpeed(double speed);
  /// Pauses, then goes to the next arrival. Returns false if there is none.
  bool StepEvent();
  /// Restarts at time 0 with the current numbers. Keeps playing or pausing.
  void Restart(std::uint64_t seed);

 private:
  Simulation simulation_;
  bool playing_ = false;
  double speed_ = 1;
};

}  // namespace sluice::sim
