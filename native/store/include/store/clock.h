// Clocks. A store receives one; no lower layer reads the time.
#pragma once

#include <atomic>

#include "core/time.h"

namespace sluice {

/// Thread safe. Now() is never negative.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanos Now() const = 0;
};

/// For deadlines: CLOCK_MONOTONIC, which stands still while the machine sleeps.
class MonotonicClock final : public Clock {
 public:
  Nanos Now() const override;
};

/// For states: counts from the start of the machine, sleep included (CLOCK_BOOTTIME on Linux; the
/// steady clocks of macOS and Windows do the same), and never steps.
class BootClock final : public Clock {
 public:
  Nanos Now() const override;
  /// Outlives everything.
  static const BootClock& Instance();
};

/// The time since 1970, which steps when it is set.
class WallClock final : public Clock {
 public:
  Nanos Now() const override;
  /// Outlives everything.
  static const WallClock& Instance();
};

/// Stands still until Set; for tests and the simulator.
class ManualClock final : public Clock {
 public:
  Nanos Now() const override { return Nanos{now_.load(std::memory_order_relaxed)}; }
  /// Precondition: now >= 0. May go backwards.
  void Set(Nanos now) { now_.store(now.count(), std::memory_order_relaxed); }
  void Advance(Nanos by) { now_.fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> now_{0};
};

}  // namespace sluice
