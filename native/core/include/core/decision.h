// What one policy answers to one check.
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sluice {

/// One policy's answer. All amounts and times describe the key after this call.
struct Decision {
  /// Whether this policy admits the call.
  bool allowed = false;
  /// Whether the check goes by that. A shadow policy's answer is only reported.
  bool enforced = true;
  /// The most that is admitted at once (a token bucket's capacity), in cost units.
  std::int64_t limit = 0;
  /// The largest cost that would be admitted now, in [0, limit].
  std::int64_t remaining = 0;
  /// 0 when allowed; else the least wait after which the same call is admitted if nothing else
  /// comes; kNever for a cost above `limit`.
  Nanos retry_after{0};
  /// The least wait after which, with no calls, the key equals one never seen.
  Nanos reset_after{0};
  /// How long an admitted call should be held back: under a shaping policy, or one that had it wait
  /// its turn. 0 for all others and for a shadow, which holds nobody back.
  Nanos delay{0};
  /// Names what was charged, so that it can be given back: of a TAT policy the TAT it came to, on
  /// the store's clock; of a window its start, of a log its entry's time, in us. Of no meaning when
  /// nothing was charged.
  std::int64_t mark = 0;
};

}  // namespace sluice
