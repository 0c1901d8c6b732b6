// Random policies of every algorithm, with every option.
#pragma once

#include <string>

#include "core/policy.h"
#include "support/seed.h"

namespace sluice::testing {

/// Numbers of every order of magnitude, with the extremes; mostly limits that a trace of a hundred
/// steps can reach. Half of the policies have at least one option.
Policy RandomMixedPolicy(Random& random, std::string name);

/// A policy whose state is a TAT. No options.
Policy RandomTatPolicy(Random& random, std::string name);

/// Another policy of the same name, often with the same state: another limit, rate or option.
Policy RandomSuccessor(Random& random, const Policy& policy);

/// A valid limit of `policy` for one call.
std::int64_t RandomLimit(Random& random, const Policy& policy);

/// "log: sl1.60000, 5 at most, blocks for 1000 ns, charges denials, shadow"
std::string Text(const Policy& policy);

}  // namespace sluice::testing
