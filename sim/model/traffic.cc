// Draws the arrivals.
#include "model/traffic.h"

#include <cmath>

namespace sluice::sim {

bool IsRate(double rate) { return rate == 0 || (rate >= kLowestRate && rate <= kHighestRate); }

PoissonTraffic::PoissonTraffic(std::uint64_t seed, double rate, std::uint32_t callers)
    : random_(seed), rate_(rate), callers_(callers) {
  Draw(Nanos{0});
}

Arrival PoissonTraffic::Take() {
  const Arrival taken = *next_;
  Draw(taken.at);
  return taken;
}

void PoissonTraffic::SetRate(double rate, Nanos now) {
  if (rate == rate_) return;
  rate_ = rate;
  Draw(now);
}

void PoissonTraffic::Draw(Nanos from) {
  if (rate_ == 0) {
    next_.reset();
    return;
  }
  const Nanos mean_gap{std::llround(1e9 / rate_)};
  const Nanos at = from + random_.Exponential(mean_gap);
  next_ = Arrival{at, random_.Below(callers_)};
}

}  // namespace sluice::sim
