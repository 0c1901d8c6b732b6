// The machine's clocks.
#include "store/clock.h"

#include <chrono>
#include <ctime>

namespace sluice {
namespace {

template <typename C>
Nanos Read() {
  return std::chrono::duration_cast<Nanos>(C::now().time_since_epoch());
}

}  // namespace

Nanos MonotonicClock::Now() const { return Read<std::chrono::steady_clock>(); }

Nanos BootClock::Now() const {
#ifdef CLOCK_BOOTTIME
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + Nanos{time.tv_nsec};
#else
  return Read<std::chrono::steady_clock>();
#endif
}

Nanos WallClock::Now() const { return Read<std::chrono::system_clock>(); }

// Never destroyed: threads may outlive the process's static objects.
const BootClock& BootClock::Instance() {
  static const auto* clock = new BootClock;
  return *clock;
}

const WallClock& WallClock::Instance() {
  static const auto* clock = new WallClock;
  return *clock;
}

}  // namespace sluice
