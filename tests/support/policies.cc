// Policies and decisions as tests write and print them.
#include "support/policies.h"

#include <stdexcept>
#include <utility>

namespace sluice::testing {

TokenBucket Bucket(std::int64_t capacity, std::int64_t refill, Nanos every) {
  PolicyFault fault{};
  const auto bucket = TokenBucket::Make(capacity, refill, every, fault);
  if (!bucket) {
    throw std::invalid_argument("refused, fault " + std::to_string(static_cast<int>(fault)) + ": " +
                                std::to_string(capacity) + ", " + std::to_string(refill) +
                                " every " + std::to_string(every.count()) + " ns");
  }
  return *bucket;
}

Policy BucketPolicy(std::string name, std::int64_t capacity, std::int64_t refill, Nanos every) {
  return Policy{std::move(name), Bucket(capacity, refill, every)};
}

std::string Text(const Decision& decision) {
  const auto time = [](Nanos t) { return t == kNever ? "never" : std::to_string(t.count()); };
  return std::string(decision.allowed ? "admitted, " : "denied, ") +
         std::to_string(decision.remaining) + " of " + std::to_string(decision.limit) +
         " left, retry " + time(decision.retry_after) + ", reset " + time(decision.reset_after) +
         (decision.delay == Nanos{0} ? "" : ", delay " + time(decision.delay));
}

bool Same(const Decision& a, const Decision& b) {
  return a.allowed == b.allowed && a.limit == b.limit && a.remaining == b.remaining &&
         a.retry_after == b.retry_after && a.reset_after == b.reset_after && a.delay == b.delay;
}

}  // namespace sluice::testing
