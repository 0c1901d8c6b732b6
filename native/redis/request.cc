// Names: of a policy set's states, and of faults.
#include "redis/request.h"

#include <utility>

#include "redis/keys.h"

namespace sluice::redis {

PolicySet::PolicySet(std::vector<Policy> policies, std::string_view prefix)
    : policies_(std::move(policies)) {
  AppendEscapedPrefix(prefix, head_);
  head_.append(":{");
  tails_.reserve(policies_.size());
  for (const Policy& policy : policies_) {
    std::string& tail = tails_.emplace_back("}:");
    tail.append(policy.name).append(":").append(StateTag(policy.algorithm));
  }
}

std::string_view FaultName(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "none";
    case Fault::kTimeout:
      return "timeout";
    case Fault::kUnavailable:
      return "unavailable";
    case Fault::kRefused:
      return "refused";
    case Fault::kServer:
      return "server";
    case Fault::kForeign:
      return "foreign";
    case Fault::kProtocol:
      return "protocol";
    case Fault::kClosed:
      return "closed";
  }
  return "unknown";
}

}  // namespace sluice::redis
