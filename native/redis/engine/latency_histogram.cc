// Arithmetic of the bins.
#include "redis/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice::redis {

std::size_t LatencyHistogram::BinOf(std::uint64_t us) {
  constexpr std::uint64_t kMost = (std::uint64_t{1} << kMostBits) - 1;
  us = std::min(us, kMost);
  if (us < kParts) return us;
  // The leading bit gives the power of two, the kPartBits after it the part.
  const unsigned shift = static_cast<unsigned>(std::bit_width(us)) - 1 - kPartBits;
  return shift * kParts + (us >> shift);
}

std::uint64_t LatencyHistogram::EndOf(std::size_t bin) {
  if (bin < 2 * kParts) return bin + 1;
  const unsigned shift = static_cast<unsigned>(bin / kParts) - 1;
  return (bin % kParts + kParts + 1) << shift;
}

void LatencyHistogram::Record(Nanos time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  auto& bin = bins_[BinOf(us < 0 ? 0 : static_cast<std::uint64_t>(us))];
  // One thread records, so no atomic read-modify-write is needed.
  bin.store(bin.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::uint64_t LatencyHistogram::count() const {
  std::uint64_t sum = 0;
  for (const auto& bin : bins_) sum += bin.load(std::memory_order_relaxed);
  return sum;
}

Nanos LatencyHistogram::Quantile(double share) const {
  const std::uint64_t all = count();
  if (all == 0) return Nanos{0};
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, all);
  std::uint64_t sum = 0;
  std::size_t bin = 0;
  for (; bin + 1 < kBins; ++bin) {
    sum += bins_[bin].load(std::memory_order_relaxed);
    if (sum >= rank) break;
  }
  return std::chrono::microseconds(EndOf(bin));
}

}  // namespace sluice::redis
