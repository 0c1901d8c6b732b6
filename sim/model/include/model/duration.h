// Durations and amounts as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/tat.h"
#include "core/time.h"

namespace sluice::sim {

/// Reads "250ms", "1.5s", "1m", "1h", "1d", or a number of milliseconds. None if the text is not a
/// duration, is negative, or is above 146 years.
std::optional<Nanos> ParseDuration(std::string_view text);

/// The shortest text that ParseDuration reads as this span (>= 0): "1s", "90s", "250ms".
std::string WriteDuration(Nanos span);

/// Converts seconds, for 0 <= seconds <= 1e9.
Nanos FromSeconds(double seconds);
double ToSeconds(Nanos span);

enum class TimeUnit : std::uint8_t { kNanos, kMicros, kMillis, kSeconds, kMinutes, kHours, kDays };

/// The largest unit that `span` reaches at least once.
TimeUnit UnitOf(Nanos span);

/// "40.1 ms": in `unit`, rounded to at most `decimals` (0 to 6) places, without trailing zeros;
/// "never" for kNever.
std::string FormatIn(Nanos span, TimeUnit unit, int decimals);
/// Chooses the unit and rounds to three places: "60 ms", "1.25 s", "2 h".
std::string FormatDuration(Nanos span);

/// Formats all spans of one explanation in one unit, so that a reader can check the sum.
class Spans {
 public:
  /// Takes the unit of `scale`, a typical span of the explanation.
  explicit Spans(Nanos scale);
  std::string operator()(Nanos span) const;

 private:
  TimeUnit unit_;
  int decimals_;
};

/// Formats a single span: in ms up to 10 s, the usual size of a wait.
std::string SpanText(Nanos span);

/// "10.000": seconds with three places, rounded down, so that a clock does not run ahead.
std::string FormatSeconds(Nanos time);

/// `time` as an amount of tokens under `rule`, with two places: "0.40". Rounds towards zero, or
/// away from it if `round_up`, so that 0.999 of a token never looks like a whole one.
std::string FormatTokens(const TatRule& rule, Nanos time, bool round_up = false);

/// "1,234,567".
std::string FormatCount(std::int64_t count);

/// Numbers on scales: "20", "0.5", "10k", "2.5M", "4.4T": at most four digits, rounded.
std::string FormatShort(double number);

/// "14", "0.5", "1,250.25": at most `decimals` places, without trailing zeros.
std::string FormatNumber(double number, int decimals);

}  // namespace sluice::sim
