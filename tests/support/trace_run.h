// Random traces over a subject: held against the plain models, or against what DESIGN.md, section 5
// promises of every algorithm, which the subject itself is asked for by peeking at other moments.
#pragma once

#include <string>

#include "support/seed.h"
#include "support/subject.h"

namespace sluice::testing {

/// What a run saw: too little of one, and it could not have shown a difference.
struct TraceCounts {
  int steps = 0;
  int admitted = 0;
  int denied = 0;
  int went_back = 0;   ///< the clock, between two steps
  int operations = 0;  ///< other than check and peek
  int delayed = 0;     ///< admitted, to be held back
  int waits = 0;       ///< denials that said when to come again
  int blocks = 0;      ///< the same by policies that block
};

/// Takes `steps` steps, 100 to a trace, each trace a key and policies of its own: one to four of
/// any algorithms and options; checks of several costs with limits and waits of their own, peeks,
/// and all operations; a clock that also steps back; now and then other policies under the key.
/// Every answer is compared with the models' (property 5: what agrees with them agrees with each
/// other). At the first difference it stops and tells the trace so far; empty if there is none.
std::string RunTraces(Random& random, int steps, const MakeSubject& make, TraceCounts& counts);

/// The same traces without the models: each answer has to keep the promises of trace_probe.h. What
/// it tells names the property that broke. (Property 1 is that of trace_bounds.h.)
std::string RunPromises(Random& random, int steps, const MakeSubject& make, TraceCounts& counts);

}  // namespace sluice::testing
