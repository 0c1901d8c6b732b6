// The shared vectors of tests/vectors, as C++ runs them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/policy.h"

namespace sluice::testing {

struct VectorStep {
  Nanos now{0};
  std::vector<std::int64_t> costs;  ///< one per policy
  bool allowed = false;             ///< by all of them
  std::vector<Decision> decisions;  ///< one per policy
};

/// Steps on one key that was never seen before. The file says what its fields mean.
struct Vector {
  std::string name;
  bool ns_only = false;  ///< not for a store whose clock counts microseconds
  std::vector<Policy> policies;
  std::vector<VectorStep> steps;
};

/// Reads and checks tests/vectors/token-bucket.json. Throws std::runtime_error naming the vector
/// at fault.
std::vector<Vector> TokenBucketVectors();

}  // namespace sluice::testing
