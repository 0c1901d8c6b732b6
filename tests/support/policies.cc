// Policies and decisions in tests: makers and texts.
#include "support/policies.h"

#include <optional>
#include <stdexcept>
#include <utility>

namespace sluice::testing {

namespace {

template <typename Algorithm, typename... Numbers>
Algorithm Made(Numbers... numbers) {
  PolicyFault fault{};
  const std::optional<Algorithm> made = Algorithm::Make(numbers..., fault);
  if (!made) {
    throw std::invalid_argument("refused, fault " + std::to_string(static_cast<int>(fault)));
  }
  return *made;
}

}  // namespace

TokenBucket Bucket(std::int64_t capacity, std::int64_t refill, Nanos every) {
  return Made<TokenBucket>(capacity, refill, every);
}

Gcra CellRate(std::int64_t burst, std::int64_t limit, Nanos every) {
  return Made<Gcra>(burst, limit, every);
}

LeakyBucket Leaky(std::int64_t capacity, std::int64_t leak, Nanos every, LeakyBucket::Mode mode) {
  return Made<LeakyBucket>(capacity, leak, every, mode);
}

FixedWindow Fixed(std::int64_t limit, Nanos window, FixedWindow::Align align) {
  return Made<FixedWindow>(limit, window, align);
}

SlidingWindow Sliding(std::int64_t limit, Nanos window) {
  return Made<SlidingWindow>(limit, window);
}

SlidingLog Log(std::int64_t limit, Nanos window) { return Made<SlidingLog>(limit, window); }

Concurrency Slots(std::int64_t limit, Nanos ttl) { return Made<Concurrency>(limit, ttl); }

Policy BucketPolicy(std::string name, std::int64_t capacity, std::int64_t refill, Nanos every) {
  return Policy{std::move(name), Bucket(capacity, refill, every)};
}

std::string Text(const Decision& decision) {
  const auto time = [](Nanos t) { return t == kNever ? "never" : std::to_string(t.count()); };
  return std::string(decision.enforced ? "" : "shadow, ") +
         (decision.allowed ? "admitted, " : "denied, ") + std::to_string(decision.remaining) +
         " of " + std::to_string(decision.limit) + " left, retry " + time(decision.retry_after) +
         ", reset " + time(decision.reset_after) +
         (decision.delay == Nanos{0} ? "" : ", delay " + time(decision.delay));
}

bool Same(const Decision& a, const Decision& b) {
  return a.allowed == b.allowed && a.enforced == b.enforced && a.blocked == b.blocked &&
         a.limit == b.limit && a.remaining == b.remaining && a.retry_after == b.retry_after &&
         a.reset_after == b.reset_after && a.delay == b.delay;
}

}  // namespace sluice::testing
