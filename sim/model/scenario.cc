// Says in words what is wrong with a bucket's numbers.
#include "model/scenario.h"

#include "model/duration.h"

namespace sluice::sim {

std::optional<TokenBucket> MakeBucket(const BucketNumbers& numbers, std::string& fault) {
  PolicyFault why = PolicyFault::kNone;
  auto bucket = TokenBucket::Make(numbers.capacity, numbers.refill, numbers.every, why);
  const std::string largest = std::to_string(kLargestLimit);
  const std::string refill = std::to_string(numbers.refill);
  const std::string every = FormatDuration(numbers.every);
  switch (why) {
    case PolicyFault::kNone:
      fault.clear();
      break;
    case PolicyFault::kCapacity:
      fault = "capacity " + std::to_string(numbers.capacity) + ": must be 1 to " + largest;
      break;
    case PolicyFault::kRate:
      fault = "refill " + refill + ": must be 1 to " + largest;
      break;
    case PolicyFault::kEvery:
      fault = "every " + every + ": must be above 0 and below 146 years";
      break;
    case PolicyFault::kRateRounding:
      fault = "refill " + refill + " every " + every +
              ": too fast; one token would take less than about 100 ns, and whole nanoseconds "
              "would change the rate by more than 1 %";
      break;
    case PolicyFault::kRefillTooLong:
      fault = "capacity " + std::to_string(numbers.capacity) + " with refill " + refill +
              " every " + every + ": a full refill takes more than 100 days";
      break;
  }
  return bucket;
}

}  // namespace sluice::sim
