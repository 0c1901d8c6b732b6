// Seeds of randomised tests: new in each run, printed, and repeated by SLUICE_SEED.
#pragma once

#include <cstdint>
#include <random>

namespace sluice::testing {

/// The seed of this test: SLUICE_SEED if set, else a random one. Prints it, so that a failure can
/// be repeated.
std::uint64_t TestSeed();

/// Random draws of tests. The same seed gives the same draws on every platform (unlike the
/// distributions of <random>).
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// In [low, high]. Precondition: low <= high. The bias of the remainder does not matter here.
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    const std::uint64_t width = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>(width == 0 ? engine_() : engine_() % width);
  }
  /// True once in `n` on average.
  bool OneIn(std::int64_t n) { return Between(1, n) == 1; }
  /// In [1, high], with each order of magnitude equally likely.
  std::int64_t Magnitude(std::int64_t high);

 private:
  std::mt19937_64 engine_;
};

}  // namespace sluice::testing
