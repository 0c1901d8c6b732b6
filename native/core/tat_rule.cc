// Checks of a TAT policy's numbers.
#include "core/tat_rule.h"

namespace sluice {
namespace {

// 146 years; keeps every + rate below 2^63.
constexpr Nanos kLongestEvery{std::int64_t{1} << 62};

}  // namespace

std::optional<TatRule> MakeTatRule(std::int64_t capacity, std::int64_t rate, Nanos every,
                                   PolicyFault& fault) {
  const auto refuse = [&fault](PolicyFault why) {
    fault = why;
    return std::nullopt;
  };
  if (capacity < 0 || capacity > kLargestLimit) return refuse(PolicyFault::kCapacity);
  if (rate < 1 || rate > kLargestLimit) return refuse(PolicyFault::kRate);
  if (every < Nanos{1} || every > kLongestEvery) return refuse(PolicyFault::kEvery);

  const std::int64_t interval = (every.count() + rate - 1) / rate;
  // The excess time of the rate's units, below one unit each: rate ns in all.
  const std::int64_t excess = interval * rate - every.count();
  if (excess * 100 > interval * rate) return refuse(PolicyFault::kRateRounding);
  if (capacity > kLongestSpan.count() / interval) return refuse(PolicyFault::kRefillTooLong);

  fault = PolicyFault::kNone;
  return TatRule{capacity, Nanos{interval}};
}

}  // namespace sluice
