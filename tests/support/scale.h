// The length of randomised tests.
#pragma once

namespace sluice::testing {

/// Returns `few` steps, or 25 times as many with SLUICE_FULL=1 in the environment. Adds them to the
/// running test's record, where scripts/run-tests.mjs counts them.
int Steps(int few);

/// The length of a fuzz test: SLUICE_FUZZ_SECONDS of the environment, or `few`, or with
/// SLUICE_FULL=1 225 times as long.
int FuzzSeconds(int few);

}  // namespace sluice::testing
