// The transforms from uniform 64-bit numbers.
#include "model/random.h"

namespace sluice::sim {
namespace {

__extension__ using Wide = unsigned __int128;

// floor(x * fraction / 2^64), where fraction / 2^64 is in [0, 1).
std::uint64_t Scale(std::uint64_t x, std::uint64_t fraction) {
  return static_cast<std::uint64_t>((static_cast<Wide>(x) * fraction) >> 64);
}

}  // namespace

std::uint32_t Random::Below(std::uint32_t n) {
  return static_cast<std::uint32_t>(Scale(n, engine_()));
}

Nanos Random::Exponential(Nanos mean) {
  // Given a first number x in [0, 1), the run x > u2 > u3 > ... has an odd length with probability
  // 1 - x + x^2/2! - ... = e^-x. So a kept x has the density e^-x on [0, 1), and every rejection
  // (probability 1/e) moves one unit up the tail, which looks the same from there.
  for (std::int64_t whole = 0;; ++whole) {
    const std::uint64_t first = engine_();
    std::uint64_t last = first;
    bool odd = true;
    for (std::uint64_t next = engine_(); next < last; next = engine_()) {
      last = next;
      odd = !odd;
    }
    if (odd) {
      const auto length = static_cast<std::uint64_t>(mean.count());
      return whole * mean + Nanos{static_cast<std::int64_t>(Scale(length, first))};
    }
  }
}

}  // namespace sluice::sim
