// Property 1, never more than the policy says: compares each algorithm's bound (see its header)
// with the admissions of a caller who always comes back as early as possible.
#pragma once

#include <string>

#include "support/seed.h"
#include "support/subject.h"

namespace sluice::testing {

/// Takes `steps` steps, 100 to a trace. Each trace has a random policy without options, and a new
/// key. Returns the excess; empty if there is none.
std::string RunBounds(Random& random, int steps, const MakeSubject& make);

}  // namespace sluice::testing
