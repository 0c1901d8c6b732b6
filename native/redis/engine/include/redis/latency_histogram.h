// Durations as counts in a fixed number of bins, and their quantiles.
//
// Log-linear: each power of two is cut into kParts bins of equal width. So a quantile is off by at
// most 1/kParts of itself, and recording is a shift and an addition.
// Source: the idea of G. Tene's HdrHistogram.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace sluice::redis {

/// One thread records; any thread may read at the same time, with counts that may be a moment
/// apart.
class LatencyHistogram {
 public:
  static constexpr unsigned kPartBits = 5;
  static constexpr std::uint64_t kParts = std::uint64_t{1} << kPartBits;
  /// Longer times count as this: 2^27 us, over two minutes.
  static constexpr unsigned kMostBits = 27;

  void Record(Nanos time);

  std::uint64_t count() const;
  /// The smallest time, rounded up to its bin's end, that at least `share` of the recorded times do
  /// not exceed; 0 without records. 0 < share <= 1.
  Nanos Quantile(double share) const;

 private:
  static constexpr std::size_t kBins = (kMostBits - kPartBits + 1) * kParts;

  // The bin of a time in us. The first kParts bins, and the next ones, are one us wide.
  static std::size_t BinOf(std::uint64_t us);
  static std::uint64_t EndOf(std::size_t bin);

  std::array<std::atomic<std::uint64_t>, kBins> bins_{};
};

}  // namespace sluice::redis
