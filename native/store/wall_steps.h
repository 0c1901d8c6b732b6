// Follows the steps of the wall clock, for windows that are aligned to it.
#pragma once

#include <atomic>
#include <chrono>

#include "core/time.h"
#include "store/clock.h"

namespace sluice {

/// Measures how far the wall clock has been stepped since a store was opened. Thread safe.
///
/// Only steps change the distance between the wall clock and the store's clock: both are slewed
/// alike. A call of Sum measures it again, once a second at most. A change below kSmallestStep
/// counts as an error of the measurement. So a step cuts or stretches a window once, and all other
/// windows keep their length.
class WallSteps {
 public:
  static constexpr Nanos kInterval = std::chrono::seconds(1);
  static constexpr Nanos kSmallestStep = std::chrono::milliseconds(100);

  /// `offset`: the wall clock's time less the store's when the store was opened. Without `wall`
  /// there are no steps. The clocks are not owned.
  WallSteps(Nanos offset, const Clock* clock, const Clock* wall)
      : offset_(offset), clock_(clock), wall_(wall) {}

  /// The sum of all steps, in whole microseconds; below 0 if the clock was set back.
  Micros Sum(Nanos now) {
    if (wall_ != nullptr && now.count() >= next_.load(std::memory_order_relaxed)) Measure(now);
    return Micros{sum_.load(std::memory_order_relaxed)};
  }

 private:
  void Measure(Nanos now) {
    Nanos::rep next = next_.load(std::memory_order_relaxed);
    if (now.count() < next || !next_.compare_exchange_strong(next, (now + kInterval).count(),
                                                             std::memory_order_relaxed)) {
      return;  // another thread measures
    }
    const Nanos before = clock_->Now();
    const Nanos wall = wall_->Now();
    const Nanos after = clock_->Now();
    if (after - before >= kSmallestStep / 2)
      return;  // the thread was descheduled: try again in a second
    const Nanos stepped = wall - after - offset_;
    const Nanos by = stepped - Micros{sum_.load(std::memory_order_relaxed)};
    if (by >= kSmallestStep || by <= -kSmallestStep) {
      sum_.store(std::chrono::round<Micros>(stepped).count(), std::memory_order_relaxed);
    }
  }

  const Nanos offset_;
  const Clock* const clock_;
  const Clock* const wall_;
  std::atomic<Nanos::rep> next_{0};
  std::atomic<Micros::rep> sum_{0};
};

}  // namespace sluice
