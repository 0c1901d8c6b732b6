// What may be done with a request whose answer does not come.
#pragma once

#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

/// Checks and peeks have a rule for when the server is away; the others wait for it.
inline bool CanWait(Request::Kind kind) {
  return kind != Request::Kind::kCheck && kind != Request::Kind::kPeek;
}

/// Whether doing it twice comes to the same as doing it once.
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

/// Whether a request that nobody waits for any more is a check that may have taken a slot.
inline bool MayHoldASlot(const Request& request) {
  return request.kind == Request::Kind::kCheck && request.details != nullptr &&
         !request.details->holder.empty();
}

/// Gives back what such a check took, as nobody else would: tried for 5 s, and nobody is told. Of
/// one with an id only what no repeat of it may have been told of (Details::id).
Request ReleaseOf(Request check, Nanos now);

/// Counts an answer.
inline void CountCompleted(Fault fault, LinkStats& stats) {
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
