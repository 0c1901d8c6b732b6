// Checks the numbers of a token bucket.
#include "core/token_bucket.h"

namespace sluice {
namespace {

// 146 years; keeps every + refill below 2^63.
constexpr Nanos kLongestEvery{std::int64_t{1} << 62};

}  // namespace

std::optional<TokenBucket> TokenBucket::Make(std::int64_t capacity, std::int64_t refill,
                                             Nanos every, PolicyFault& fault) {
  const auto refuse = [&fault](PolicyFault why) {
    fault = why;
    return std::nullopt;
  };
  if (capacity < 1 || capacity > kLargestLimit) return refuse(PolicyFault::kCapacity);
  if (refill < 1 || refill > kLargestLimit) return refuse(PolicyFault::kRefill);
  if (every < Nanos{1} || every > kLongestEvery) return refuse(PolicyFault::kEvery);

  const std::int64_t interval = (every.count() + refill - 1) / refill;
  const std::int64_t rounded = interval * refill;  // < every + refill
  if ((rounded - every.count()) * 100 > rounded) return refuse(PolicyFault::kRateRounding);
  if (capacity > kLongestSpan.count() / interval) return refuse(PolicyFault::kRefillTooLong);

  fault = PolicyFault::kNone;
  return TokenBucket(TatRule{capacity, Nanos{interval}}, refill, every);
}

}  // namespace sluice
