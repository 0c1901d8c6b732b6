// Policies and decisions in tests: makers and texts.
#pragma once

#include <cstdint>
#include <string>

#include "core/policy.h"

namespace sluice::testing {

// All of these throw std::invalid_argument for invalid numbers.

/// A token bucket.
TokenBucket Bucket(std::int64_t capacity, std::int64_t refill, Nanos every);
/// GCRA.
Gcra CellRate(std::int64_t burst, std::int64_t limit, Nanos every);
/// A leaky bucket.
LeakyBucket Leaky(std::int64_t capacity, std::int64_t leak, Nanos every, LeakyBucket::Mode mode);
/// A fixed window. kMonth ignores `window`.
FixedWindow Fixed(std::int64_t limit, Nanos window, FixedWindow::Align align);
SlidingWindow Sliding(std::int64_t limit, Nanos window);
SlidingLog Log(std::int64_t limit, Nanos window);
/// Concurrency.
Concurrency Slots(std::int64_t limit, Nanos ttl);

/// A token bucket with a name.
Policy BucketPolicy(std::string name, std::int64_t capacity, std::int64_t refill, Nanos every);

/// "admitted, 4 of 5 left, retry 0, reset 200000000": equal texts are equal decisions.
std::string Text(const Decision& decision);

/// Whether all fields but the marks are equal.
bool Same(const Decision& a, const Decision& b);

}  // namespace sluice::testing
