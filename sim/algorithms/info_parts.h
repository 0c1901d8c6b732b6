// Shared parts of the descriptions of algorithms.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "model/algorithm_info.h"
#include "model/duration.h"

namespace sluice::sim {

constexpr std::int64_t Seconds(std::int64_t count) {
  return Nanos{std::chrono::seconds(count)}.count();
}

// The fields of several algorithms.
inline constexpr Field kCapacity{
    .name = "capacity", .help = "The most at once: what the bucket holds", .initial = 20};
inline constexpr Field kEvery{.name = "every",
                              .help = "A span of time: 250ms, 1s, 1m, 1h, 1d",
                              .kind = Field::Kind::kSpan,
                              .initial = Seconds(1)};
constexpr Field LimitField(std::int64_t initial) {
  return {
      .name = "limit",
      .help = "The most in a window, in any window, or at a time; of gcra the units per --every",
      .initial = initial};
}
constexpr Field WindowField(std::string_view word = {}) {
  return {.name = "window",
          .help = "How long a window is; 'month' is the calendar's, with --align clock",
          .kind = Field::Kind::kSpan,
          .initial = Seconds(2),
          .word = word};
}

/// Makes an Algorithm of an A that may be refused.
template <typename A>
std::optional<Algorithm> Made(const std::optional<A>& maybe) {
  if (maybe) return Algorithm(*maybe);
  return std::nullopt;
}

/// AlgorithmInfo::used, if it is a number of the reading.
template <std::size_t kNumber>
double UsedNumber(const Algorithm& /*algorithm*/, const Reading& reading) {
  return static_cast<double>(reading.numbers[kNumber]);
}

/// "10 a second", "3 a minute": the rate admitted in the long run.
std::string PaceText(const ChosenPolicy& policy);
/// "limit 20, window 2 s"
std::string WindowNumbers(const PolicyNumbers& numbers);
/// "At most 20"
std::string AtMost(const ChosenPolicy& policy);

/// "Yes: admitted." or "No: denied."
std::string Answered(const Request& request);

/// "Cost 0 ...", or the reason why `holder` ("the bucket can ever hold") never admits the cost;
/// else "".
std::string ReasonWithoutState(const Request& request, std::string_view holder);

/// The shares in the picture: `taken` and `need` of `limit` units.
Explanation::Fit FitOf(std::string name, double taken, double need, double limit);

/// The rule's comparison in whole units: "19 + 1 <= 20?  Yes: admitted."
std::string CountTest(const Request& request, std::int64_t taken);

}  // namespace sluice::sim
