// Rules for requests without an answer.
#pragma once

#include <string_view>

#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

inline constexpr std::string_view kUnanswered = "no answer before the deadline";
inline constexpr std::string_view kClosed = "the client was closed";

/// Checks and peeks have a failure rule; other operations wait for the server.
inline bool RetriesDuringOutage(Request::Kind kind) {
  return kind != Request::Kind::kCheck && kind != Request::Kind::kPeek;
}

/// Whether two executions have the effect of one.
inline bool CanRepeat(const Request& request) {
  switch (request.kind) {
    case Request::Kind::kReset:
    case Request::Kind::kRelease:
    case Request::Kind::kRenew:
    case Request::Kind::kBlock:
    case Request::Kind::kUnblock:
      return true;
    case Request::Kind::kAbort:
      return false;
    default:
      return NamesId(request);
  }
}

/// Whether an abandoned request is a check that may have taken a slot.
inline bool MayHoldASlot(const Request& request) {
  return request.kind == Request::Kind::kCheck && request.holder() != HolderId{};
}

/// Builds a release for slots that an unanswered check may hold. Retried for 5 s, result discarded.
/// With an id: only slots that no replay has reported (Request::digests).
Request ReleaseOf(Request check, Nanos now);

/// Counts an answer.
inline void CountCompleted(Fault fault, SessionStats& stats) {
  ++stats.completed;
  if (fault == Fault::kTimeout) {
    ++stats.timeouts;
  } else if (fault == Fault::kOverload) {
    ++stats.shed;
  } else if (fault != Fault::kNone) {
    ++stats.faults;
  }
}

}  // namespace sluice::redis
