// The pause before the next attempt to reach a server.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "core/time.h"

namespace sluice::redis {

struct BackoffSpan {
  Nanos first = std::chrono::milliseconds(50);
  /// Together with the time for connecting, a server that comes up waits less than 2 s.
  Nanos most = std::chrono::milliseconds(750);
};

/// A random part of a span that doubles with each earlier failure, at most `span.most`. At least
/// 10 ms, so that no attempt follows at once.
/// Source: "full jitter" in M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog,
/// 2015.
inline Nanos FullJitter(const BackoffSpan& span, unsigned failures, std::mt19937_64& random) {
  constexpr Nanos kShortest = std::chrono::milliseconds(10);
  const Nanos longest =
      std::min(span.most, span.first * (std::int64_t{1} << std::min(failures, 20U)));
  const double part = static_cast<double>(random() >> 11) * 0x1p-53;  // [0, 1)
  const auto wait = static_cast<std::int64_t>(part * static_cast<double>(longest.count()));
  return std::max(kShortest, Nanos{wait});
}

}  // namespace sluice::redis
