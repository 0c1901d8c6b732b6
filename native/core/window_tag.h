// The window of algorithms: its range, and its name in a state tag.
#pragma once

#include <cstdint>
#include <string>

#include "core/time.h"

namespace sluice {

/// Rounds up to whole microseconds: a window may only be longer than requested.
constexpr Micros WholeMicros(Nanos window) { return std::chrono::ceil<Micros>(window); }

constexpr bool IsWindow(Nanos window) { return window >= Micros{1} && window <= kLongestSpan; }

/// In ms, as short as possible: "60000", "0.25".
inline std::string WindowTag(Micros window) {
  std::string tag = std::to_string(window.count() / 1000);
  std::int64_t rest = window.count() % 1000;
  if (rest == 0) return tag;
  tag.push_back('.');
  for (std::int64_t place = 100; rest > 0; place /= 10) {
    tag.push_back(static_cast<char>('0' + rest / place));
    rest %= place;
  }
  return tag;
}

}  // namespace sluice
