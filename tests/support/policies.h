// Policies and decisions as tests write and print them.
#pragma once

#include <cstdint>
#include <string>

#include "core/policy.h"

namespace sluice::testing {

/// A token bucket. Throws std::invalid_argument if its numbers are refused.
TokenBucket Bucket(std::int64_t capacity, std::int64_t refill, Nanos every);

/// The same with a name.
Policy BucketPolicy(std::string name, std::int64_t capacity, std::int64_t refill, Nanos every);

/// "admitted, 4 of 5 left, retry 0, reset 200000000": equal texts are equal decisions.
std::string Text(const Decision& decision);

/// Whether all fields are equal.
bool Same(const Decision& a, const Decision& b);

}  // namespace sluice::testing
