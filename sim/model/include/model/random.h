// Random numbers that are equal on every machine: a specified generator, integers only.
#pragma once

#include <cstdint>
#include <random>

#include "core/time.h"

namespace sluice::sim {

/// Not thread safe. The same seed gives the same numbers with every compiler and library. The
/// standard fixes std::mt19937_64 to the bit, but leaves the std:: distributions (and the last bit
/// of std::log) to each library. So the transforms here are our own and use no floating point.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// A whole number in [0, n), n >= 1. The bias is below n / 2^64.
  std::uint32_t Below(std::uint32_t n);

  /// An exponentially distributed span with the given mean (>= 1 ns), rounded down to whole ns.
  /// Source: J. von Neumann, "Various techniques used in connection with random digits", 1951:
  /// comparisons of uniform numbers alone, exact, about 4.3 draws a span.
  Nanos Exponential(Nanos mean);

 private:
  std::mt19937_64 engine_;
};

}  // namespace sluice::sim
