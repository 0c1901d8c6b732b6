// The decision of one policy on one check.
#pragma once

#include <cstdint>

#include "core/time.h"

namespace sluice {

/// One policy's decision. All amounts and times describe the key after this call.
struct Decision {
  /// Whether this policy admits the call.
  bool allowed = false;
  /// Whether the check depends on it. A shadow policy's decision is only reported.
  bool enforced = true;
  /// Denied because the key is blocked, or becomes so by this call. False for a call that can never
  /// be admitted.
  bool blocked = false;
  /// The most that is admitted at once (a token bucket's capacity), in cost units.
  std::int64_t limit = 0;
  /// The largest cost that would be admitted now, in [0, limit].
  std::int64_t remaining = 0;
  /// 0 when allowed; else the least wait after which the same call is admitted if nothing else
  /// comes; kNever for a cost above `limit`.
  Nanos retry_after{0};
  /// The least wait after which, without calls, the key equals a new one.
  Nanos reset_after{0};
  /// The delay of an admitted call, under a shaping policy or one that made it wait its turn. 0 for
  /// all others and for shadows.
  Nanos delay{0};
  /// Identifies the charge, so that it can be given back. For a TAT policy it is the new TAT on the
  /// store's clock; for a window its start, for a log the entry's time, in us. Undefined if nothing
  /// was charged.
  std::int64_t mark = 0;
};

}  // namespace sluice
