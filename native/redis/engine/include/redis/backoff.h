// How long to leave a server alone that did not answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "core/time.h"

namespace sluice::redis {

struct BackoffSpan {
  Nanos first = std::chrono::milliseconds(50);
  /// With the time for connecting, keeps a server that comes up waiting for less than 2 s.
  Nanos most = std::chrono::milliseconds(750);
};

/// A random part of a span that doubles with each failure before this one, at most `span.most`; at
/// least 10 ms: even a lucky draw does not make an attempt follow at once.
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
