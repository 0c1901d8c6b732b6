// Policies of every algorithm, with every option, drawn at random.
#pragma once

#include <string>

#include "core/policy.h"
#include "support/seed.h"

namespace sluice::testing {

/// Numbers of every order of magnitude, the extremes among them; mostly limits that a trace of a
/// hundred steps can reach. Half have an option or more.
Policy RandomMixedPolicy(Random& random, std::string name);

/// One whose state is a TAT. No options.
Policy RandomTatPolicy(Random& random, std::string name);

/// Another policy of the same name, often one that shares its state: another limit, rate or option.
Policy RandomSuccessor(Random& random, const Policy& policy);

/// A limit that `policy` may be asked with for one call.
std::int64_t RandomLimit(Random& random, const Policy& policy);

/// "log: sl1.60000, 5 at most, blocks for 1000 ns, charges denials, shadow"
std::string Text(const Policy& policy);

}  // namespace sluice::testing
