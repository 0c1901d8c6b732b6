// Conversion of real time into virtual time.
#include "model/player.h"

#include <algorithm>
#include <cmath>

namespace sluice::sim {

void Player::Tick(Nanos elapsed) {
  if (!playing_) return;
  constexpr Nanos kLongestFrame = std::chrono::milliseconds(100);
  const auto real = static_cast<double>(std::clamp(elapsed, Nanos{0}, kLongestFrame).count());
  simulation_.AdvanceTo(simulation_.now() + Nanos{std::llround(real * speed_)});
}

void Player::SetSpeed(double speed) { speed_ = std::clamp(speed, kSlowest, kFastest); }

bool Player::StepEvent() {
  playing_ = false;
  return simulation_.StepEvent();
}

void Player::Restart(std::uint64_t seed) {
  Scenario scenario = simulation_.scenario();
  scenario.seed = seed;
  simulation_ = Simulation(scenario);
}

}  // namespace sluice::sim
