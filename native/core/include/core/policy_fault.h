// Reasons to refuse the numbers of a policy.
#pragma once

#include <cstdint>

namespace sluice {

/// The largest limit or capacity. Larger ones would let a product pass 2^53 in the Lua twin.
inline constexpr std::int64_t kLargestLimit = std::int64_t{1} << 42;
/// The largest limit of a sliding log, which keeps an entry per call.
inline constexpr std::int64_t kLargestLogLimit = 100'000;

enum class PolicyFault : std::uint8_t {
  kNone,
  kCapacity,       ///< the most at once is outside 0 to 2^42
  kRate,           ///< the units per `every` are outside 1 to 2^42
  kEvery,          ///< below 1 ns, or too long to compute with
  kRateRounding,   ///< whole nanoseconds per unit would change the rate by more than 1 %
  kRefillTooLong,  ///< a full refill takes more than 100 days
  kLogLimit,       ///< a sliding log's limit is outside 0 to 100,000
  kWindow,         ///< a window or time to live is outside 1 us to 100 days
  kChoice,         ///< a mode or an alignment that does not exist
};

}  // namespace sluice
