// How long randomised tests run: the one place that says so.
#pragma once

namespace sluice::testing {

/// `few` steps, or 25 times as many where SLUICE_FULL=1 is set in the environment. Notes them in
/// the running test's record, where scripts/run-tests.mjs adds them up.
int Steps(int few);

}  // namespace sluice::testing
