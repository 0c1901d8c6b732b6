// The reference models' search for a wait: by trying times, not by formula.
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sluice::testing {

/// The least wait from `now` after which `ready(moment)` holds. Precondition: it holds from then on
/// for ever, and within 2^62 ns.
template <typename Ready>
Nanos WaitUntil(Nanos now, Ready ready) {
  if (ready(now)) return Nanos{0};
  std::int64_t too_short = 0;
  std::int64_t enough = 1;
  while (!ready(now + Nanos{enough})) {
    too_short = enough;
    enough *= 2;
  }
  while (enough - too_short > 1) {
    const std::int64_t middle = too_short + (enough - too_short) / 2;
    (ready(now + Nanos{middle}) ? enough : too_short) = middle;
  }
  return Nanos{enough};
}

}  // namespace sluice::testing
