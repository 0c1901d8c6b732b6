// What one policy answers to one check.
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sluice {

/// One policy's answer. All amounts and times describe the key after this call.
struct Decision {
  bool allowed = false;
  /// The most that is admitted at once (a token bucket's capacity), in cost units.
  std::int64_t limit = 0;
  /// The largest cost that would be admitted now, in [0, limit].
  std::int64_t remaining = 0;
  /// 0 when allowed; else the least wait after which the same call is admitted if nothing else
  /// comes; kNever for a cost above `limit`.
  Nanos retry_after{0};
  /// The least wait after which, with no calls, the key equals one never seen.
  Nanos reset_after{0};
  /// How long an admitted call should be held back (a shaping policy); 0 for all others.
  Nanos delay{0};
};

}  // namespace sluice
