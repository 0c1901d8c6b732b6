// Property 1, never more than the policy says: each algorithm's own bound (told in its header),
// held against the list of what a subject admitted to a caller who comes again as early as it pays.
#pragma once

#include <string>

#include "support/seed.h"
#include "support/subject.h"

namespace sluice::testing {

/// Takes `steps` steps, 100 to a trace, each trace a policy of any algorithm without options, and
/// a key of its own. What was too much; empty if nothing was.
std::string RunBounds(Random& random, int steps, const MakeSubject& make);

}  // namespace sluice::testing
