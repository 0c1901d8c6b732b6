// Seeded traffic: who sends a request, and when.
#pragma once

#include <cstdint>
#include <optional>

#include "core/time.h"
#include "model/random.h"

namespace sluice::sim {

/// Requests per second over all callers: 0 (no traffic), or kLowestRate to kHighestRate.
inline constexpr double kLowestRate = 0.001;
inline constexpr double kHighestRate = 10'000.0;
inline constexpr std::uint32_t kMostCallers = 100;

bool IsRate(double rate);

struct Arrival {
  Nanos at{0};
  /// 0 to callers - 1.
  std::uint32_t caller = 0;
};

/// A Poisson process from time 0: gaps are exponential, each arrival comes from one of the callers
/// with equal probability. Not thread safe.
class PoissonTraffic {
 public:
  /// Preconditions: IsRate(rate), 1 <= callers <= kMostCallers.
  PoissonTraffic(std::uint64_t seed, double rate, std::uint32_t callers);

  /// The arrival to come; none when the rate is 0.
  const std::optional<Arrival>& next() const { return next_; }
  /// Takes it and draws the one after. Precondition: there is one.
  Arrival Take();

  /// Changes the rate at `now`. The wait so far tells nothing about the wait to come (a Poisson
  /// process has no memory), so the next arrival is simply drawn afresh from `now`.
  void SetRate(double rate, Nanos now);

  double rate() const { return rate_; }
  std::uint32_t callers() const { return callers_; }

 private:
  void Draw(Nanos from);

  Random random_;
  double rate_;
  std::uint32_t callers_;
  std::optional<Arrival> next_;
};

}  // namespace sluice::sim
