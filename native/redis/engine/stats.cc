#include "redis/stats.h"

namespace sluice::redis {

std::string_view WarningName(WarningCode code) {
  switch (code) {
    case WarningCode::kEvictingPolicy:
      return "evicting-policy";
    case WarningCode::kReplica:
      return "replica";
    case WarningCode::kClock:
      return "clock";
    case WarningCode::kNoPassword:
      return "no-password";
    case WarningCode::kPolicyClash:
      return "policy-clash";
  }
  return "unknown";
}

std::string_view BreakerStateName(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kOpen:
      return "open";
    case BreakerState::kHalfOpen:
      return "half-open";
  }
  return "unknown";
}

}  // namespace sluice::redis
