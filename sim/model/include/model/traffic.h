// Seeded traffic: callers and times of requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// A Poisson process from time 0: gaps are exponential, and each arrival comes from one of the
/// callers with equal probability. Not thread safe.
class PoissonTraffic {
 public:
  /// Preconditions: IsRate(rate), 1 <= callers <= kMostCallers.
  PoissonTraffic(std::uint64_t seed, double rate, std::uint32_t callers);

  /// The next arrival; none when the rate is 0.
  const std::optional<Arrival>& next() const { return next_; }
  /// Returns the next arrival and draws the one after it. Precondition: there is one.
  Arrival Take();

  /// Changes the rate at `now`. A Poisson process has no memory: the past wait does not affect the
  /// next one, so the next arrival is drawn again from `now`.
  void SetRate(double rate, Nanos now);

 private:
  void Draw(Nanos from);

  Random random_;
  double rate_;
  std::uint32_t callers_;
  std::optional<Arrival> next_;
};

/// `count` requests at times spread evenly over [from, to], both included.
struct Volley {
  std::uint32_t count = 1;
  Nanos from{0};
  Nanos to{0};
};

inline constexpr std::uint32_t kMostScripted = 100'000;

/// Reads "20@3.9s" (twenty at one moment) or "20@3s..3.9s". None if the text is not a volley, its
/// count is not 1 to kMostScripted, or it ends before it begins.
std::optional<Volley> ParseVolley(std::string_view text);
/// A text that ParseVolley reads.
std::string WriteVolley(const Volley& volley);

/// The times of all volleys, in order.
std::vector<Nanos> MomentsOf(const std::vector<Volley>& volleys);

/// Poisson traffic, plus volleys of the first caller. Not thread safe.
class Traffic {
 public:
  Traffic(std::uint64_t seed, double rate, std::uint32_t callers,
          const std::vector<Volley>& volleys);

  /// As in PoissonTraffic.
  std::optional<Arrival> next() const;
  Arrival Take();
  void SetRate(double rate, Nanos now) { poisson_.SetRate(rate, now); }

 private:
  bool NextIsScripted() const;

  PoissonTraffic poisson_;
  std::vector<Nanos> script_;
  std::size_t scripted_ = 0;  // number of scripted requests taken
};

}  // namespace sluice::sim
