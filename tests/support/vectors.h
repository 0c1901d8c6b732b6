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

/// Steps on one key that was never seen before. The files say what their fields mean.
struct Vector {
  std::string file;  ///< "gcra" for tests/vectors/gcra.json
  std::string name;
  bool ns_only = false;  ///< not for a store whose clock counts microseconds
  std::vector<Policy> policies;
  std::vector<VectorStep> steps;
};

/// Reads and checks all files of tests/vectors, in the order of their names. Throws
/// std::runtime_error naming file and vector at fault.
std::vector<Vector> AllVectors();

}  // namespace sluice::testing
