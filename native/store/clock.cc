// Reads the machine's monotonic clock.
#include "store/clock.h"

#include <chrono>

namespace sluice {

Nanos MonotonicClock::Now() const {
  return std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch());
}

const MonotonicClock& MonotonicClock::Instance() {
  static const MonotonicClock clock;
  return clock;
}

}  // namespace sluice
