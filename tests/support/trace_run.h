// Random traces over a subject. They compare it with the plain models, or check the promises of
// DESIGN.md, section 5, by peeks at other moments.
#pragma once

#include <string>

#include "support/seed.h"
#include "support/subject.h"

namespace sluice::testing {

/// Counts of a run: a run with too few of one kind could not have shown a difference.
struct TraceCounts {
  int steps = 0;
  int admitted = 0;
  int denied = 0;
  int went_back = 0;   ///< steps back of the clock
  int operations = 0;  ///< other than check and peek
  int delayed = 0;     ///< admitted with a delay
  int waits = 0;       ///< denials with a retry time
  int blocks = 0;      ///< the same by policies that block
};

/// Takes `steps` steps, 100 to a trace. Each trace has a new key and one to four policies of any
/// algorithms and options. Its steps are checks with several costs, limits and waits, peeks and all
/// other operations, under a clock that also steps back; sometimes the policies change. Compares
/// every answer with the models' (property 5: subjects that agree with them agree with each other).
/// Stops at the first difference and returns the trace so far; empty if there is none.
std::string RunTraces(Random& random, int steps, const MakeSubject& make, TraceCounts& counts);

/// The same traces without the models: each answer must keep the promises of trace_probe.h. Returns
/// the name of a broken property. (trace_bounds.h covers property 1.)
std::string RunPromises(Random& random, int steps, const MakeSubject& make, TraceCounts& counts);

}  // namespace sluice::testing
