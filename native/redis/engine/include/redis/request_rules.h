// Rules for requests without an answer.
#pragma once

#include <string_view>

#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

inline constexpr std::string_view kUnanswered = "no answer before the deadline";
inline constexpr std::string_view kClosed = "the client was closed";

/// Some have a failure rule (Operation::follows_rule); the others wait for the server.
inline bool RetriesDuringOutage(Request::Kind kind) {
  return kind != Request::Kind::kCheck && kind != Request::Kind::kPeek &&
         kind != Request::Kind::kReserve;
}

/// Whether two executions have the effect of one.
inline bool CanRepeat(const Request& request) {
  switch (request.kind) {
    case Request::Kind::kReset:
    case Request::Kind::kRelease:
    case Request::Kind::kRenew:
    case Request::Kind::kBlock:
    case Request::Kind::kUnblock:
    case Request::Kind::kExtend:
    case Request::Kind::kCheckpoint:
    case Request::Kind::kSettle:
    case Request::Kind::kCancel:
      return true;
    case Request::Kind::kAbort:
    case Request::Kind::kReserve:
      return false;
    default:
      return NamesId(request);
  }
}

/// Whether an abandoned request may have taken slots or made a reservation.
inline bool MayHoldASlot(const Request& request) {
  return (request.kind == Request::Kind::kCheck || request.kind == Request::Kind::kReserve) &&
         request.holder() != HolderId{};
}

/// Builds a release for slots that an unanswered check may hold, or a cancel for a reservation.
/// Retried for 5 s, result discarded. With an id: only slots that no replay has reported
/// (Request::digests).
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
