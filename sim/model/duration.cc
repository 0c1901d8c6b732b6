// Reads and writes durations and amounts.
#include "model/duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

namespace sluice::sim {
namespace {

struct UnitText {
  std::int64_t nanos;
  std::string_view name;
};

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::array<UnitText, 7> kUnits{{{1, "ns"},
                                          {1'000, "\u00b5s"},
                                          {1'000'000, "ms"},
                                          {kSecond, "s"},
                                          {60 * kSecond, "min"},
                                          {3'600 * kSecond, "h"},
                                          {86'400 * kSecond, "d"}}};

// Largest unit first.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kReadable{
    {{"d", 86'400 * kSecond},
     {"h", 3'600 * kSecond},
     {"m", 60 * kSecond},
     {"s", kSecond},
     {"ms", 1'000'000},
     {"", 1'000'000}}};

void CutZeros(std::string& text) {
  if (text.find('.') == std::string::npos) return;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
}

std::string Grouped(std::string digits) {
  const auto point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t at = point; at > first + 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string Fixed(double number, int decimals) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, number);
  return buffer.data();
}

}  // namespace

std::optional<Nanos> ParseDuration(std::string_view text) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  for (const auto& [name, nanos] : kReadable) {
    if (unit != name) continue;
    const double span = number * static_cast<double>(nanos);
    if (!(span >= 0 && span <= 0x1p62)) return std::nullopt;  // NaN and infinity too
    return Nanos{std::llround(span)};
  }
  return std::nullopt;
}

std::string WriteDuration(Nanos span) {
  for (const auto& [name, nanos] : kReadable) {
    if (span.count() != 0 && span.count() % nanos == 0) {
      return std::to_string(span.count() / nanos) + std::string(name);
    }
  }
  std::string millis = Fixed(static_cast<double>(span.count()) / 1e6, 6);
  CutZeros(millis);
  return millis + "ms";
}

Nanos FromSeconds(double seconds) { return Nanos{std::llround(seconds * 1e9)}; }

double ToSeconds(Nanos span) { return static_cast<double>(span.count()) / 1e9; }

TimeUnit UnitOf(Nanos span) {
  std::size_t unit = kUnits.size() - 1;
  while (unit > 0 && span.count() < kUnits[unit].nanos) --unit;
  return static_cast<TimeUnit>(unit);
}

std::string FormatIn(Nanos span, TimeUnit unit, int decimals) {
  if (span == kNever) return "never";
  const UnitText& text = kUnits[static_cast<std::size_t>(unit)];
  std::string number =
      Fixed(static_cast<double>(span.count()) / static_cast<double>(text.nanos), decimals);
  CutZeros(number);
  return Grouped(std::move(number)) + " " + std::string(text.name);
}

std::string FormatDuration(Nanos span) {
  // 0 has no largest unit, and "0 ns" would look like a measurement.
  return FormatIn(span, span == Nanos{0} ? TimeUnit::kMillis : UnitOf(span), 3);
}

Spans::Spans(Nanos scale) : unit_(UnitOf(scale)) {
  // Seconds would hide milliseconds, which often decide a denial.
  if (unit_ == TimeUnit::kSeconds && scale < std::chrono::seconds(10)) unit_ = TimeUnit::kMillis;
  decimals_ = unit_ == TimeUnit::kMillis && scale >= std::chrono::milliseconds(20) ? 1 : 3;
}

std::string Spans::operator()(Nanos span) const { return FormatIn(span, unit_, decimals_); }

std::string SpanText(Nanos span) {
  if (span == kNever || span == Nanos{0} || span < std::chrono::milliseconds(20)) {
    return FormatDuration(span);
  }
  if (span < std::chrono::seconds(10)) return FormatIn(span, TimeUnit::kMillis, 1);
  return FormatDuration(std::chrono::round<std::chrono::milliseconds>(span));
}

std::string FormatSeconds(Nanos time) {
  const std::int64_t millis = time.count() / 1'000'000;
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03d", static_cast<int>(millis % 1000));
  return FormatCount(millis / 1000) + fraction.data();
}

std::string FormatTokens(const TatRule& rule, Nanos time, bool round_up) {
  // Hundredths: |time| is little above 100 days at most, so the product fits 63 bits.
  const std::int64_t scaled = std::abs(time.count()) * 100;
  const std::int64_t interval = rule.interval.count();
  const std::int64_t hundredths = scaled / interval + (round_up && scaled % interval != 0 ? 1 : 0);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%02d", static_cast<int>(hundredths % 100));
  const bool negative = time < Nanos{0} && hundredths != 0;
  return (negative ? "-" : "") + FormatCount(hundredths / 100) + fraction.data();
}

std::string FormatCount(std::int64_t count) { return Grouped(std::to_string(count)); }

std::string FormatShort(double number) {
  std::string_view suffix;
  double highest = 9999.5;
  for (const std::string_view next : {"k", "M", "G", "T"}) {
    if (std::abs(number) < highest) break;
    number /= 1000;
    suffix = next;
    highest = 999.95;
  }
  return FormatNumber(number, suffix.empty() ? 2 : 1) + std::string(suffix);
}

std::string FormatNumber(double number, int decimals) {
  std::string text = Fixed(number, decimals);
  CutZeros(text);
  return Grouped(std::move(text));
}

}  // namespace sluice::sim
