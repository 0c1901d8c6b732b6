// What a relay does so that nobody waits in vain: deadlines, breakers, and who is not even queued.
#include <algorithm>
#include <iterator>
#include <utility>

#include "redis/relay.h"

namespace sluice::redis {
namespace {

// Timers this late mean that this process did not run.
constexpr Nanos kFrozen = std::chrono::milliseconds(250);

constexpr std::string_view kUnanswered = "no answer before the deadline";
constexpr std::string_view kSilent = "no answer in time, several times in a row";
constexpr std::string_view kTooMuch = "more is asked of the server than it answers in time";

}  // namespace

// Takes the request over if it is not to wait in the queue: it fails, or is the breaker's probe.
bool Relay::Divert(Lane& lane, Request& request, Nanos now) {
  if (CanWait(request.kind)) return false;
  if (lane.breaker.closed()) {
    // What leaves at once shows how long it takes.
    if (lane.live < options_.max_under_way ||
        !IsLate(lane, request.deadline, lane.live_requests + lane.queue.size() + 1, now)) {
      return false;
    }
    Fail(request, Fault::kOverload, kTooMuch);
    return true;
  }
  if (!MayProbe(lane, now)) {
    Fail(request, lane.breaker.fault(), lane.breaker.why());
    return true;
  }
  // A check knows sooner than the others how the server is.
  first_deadline_ = std::min(first_deadline_, request.deadline);
  lane.queue.push_front(std::move(request));
  Pump(lane, now);
  return true;
}

// By the pace of late, and an eighth more: what is answered a little too late was asked in vain.
bool Relay::IsLate(const Lane& lane, Nanos deadline, std::size_t ahead, Nanos now) const {
  const Nanos expected = lane.pace.For(ahead);
  return deadline < now + expected + expected / 8;
}

// Whether the client has so much of the lane that no more is to be left with it.
bool Relay::KeepsTooMuch(const Lane& lane) const {
  return lane.live + lane.owed >= options_.max_owed;
}

bool Relay::MayProbe(const Lane& lane, Nanos now) {
  if (!lane.breaker.MayProbe(now)) return false;
  if (KeepsTooMuch(lane)) Forget(now);
  return !KeepsTooMuch(lane);
}

// What the client will never answer.
void Relay::Forget(Nanos now) {
  auto at = under_way_.begin();
  while (at != under_way_.end() && at->second.sent <= now - options_.lost_after) {
    const UnderWay& command = at->second;
    if (!command.abandoned) {
      ++at;
      continue;
    }
    --command.lane->owed;
    at = under_way_.erase(at);
  }
}

void Relay::FailChecksThatWait(Lane& lane) {
  std::erase_if(lane.queue, [this, &lane](Request& request) {
    if (CanWait(request.kind)) return false;
    Fail(request, lane.breaker.fault(), lane.breaker.why());
    return true;
  });
}

void Relay::NoteFailure(Lane& lane, Fault fault, std::string_view why, Nanos now) {
  lane.troubled = true;
  lane.breaker.OnFailure(fault, why, now);
  if (!lane.breaker.closed()) FailChecksThatWait(lane);
}

// A command was answered by something that is no cry for help.
void Relay::NoteReply(const UnderWay& command, Nanos now) {
  Lane& lane = *command.lane;
  if (command.overdue) return lane.breaker.OnSignOfLife(now);
  lane.breaker.OnSuccess();
  lane.troubled = false;
}

// ---- Time

Nanos Relay::NextTime() const {
  Nanos next = std::min(first_deadline_, first_hold_);
  for (const Lane* const lane : timed_) {
    next = std::min(next, lane->breaker.NextTime());
    if (!lane->queue.empty() && !KeepsTooMuch(*lane)) {
      next = std::min(next, std::max(lane->breaker.NextProbe(), lane->hold_until));
    }
  }
  return next;
}

void Relay::OnTime(Nanos now) {
  now_ = now;
  const Nanos due = NextTime();
  if (due < now - kFrozen) {
    for (auto& [number, lane] : lanes_) lane.breaker.Forgive(now);
  }
  Expire(now, due < now - kLate);
  first_hold_ = kNever;
  for (auto at = lanes_.begin(); at != lanes_.end();) {
    Lane& lane = (at++)->second;  // which may be no more afterwards
    lane.breaker.OnTime(now);
    if (lane.hold_until > now) first_hold_ = std::min(first_hold_, lane.hold_until);
    Settle(lane, now);
  }
}

// Looks at every request, but only when some deadline may have passed. Requests are answered far
// sooner than their deadlines, so in health that is once per deadline's length, not per request.
void Relay::Expire(Nanos now, bool late) {
  if (now < first_deadline_) return;
  first_deadline_ = kNever;
  struct Missed {
    unsigned commands = 0;
    bool some_wait = false;  // for a reply that may still come in time
  };
  std::map<Lane*, Missed> missed;
  for (auto& [id, command] : under_way_) {
    Missed& of_lane = missed[command.lane];
    if (ExpireUnderWay(command, now)) ++of_lane.commands;
    of_lane.some_wait = of_lane.some_wait || !command.overdue;
  }
  for (auto& [number, lane] : lanes_) {
    Missed& of_lane = missed[&lane];
    const bool queued_expired = ExpireQueue(lane, now);
    if (of_lane.commands == 0 && queued_expired && !of_lane.some_wait) of_lane.commands = 1;
    if (late) {
      lane.pace.Skip();
      if (of_lane.commands > 0) lane.breaker.OnProbeReturned(now);
      continue;
    }
    for (; of_lane.commands > 0; --of_lane.commands) {
      NoteFailure(lane, Fault::kUnavailable, kSilent, now);
    }
  }
  Forget(now);
}

// Whether it has become overdue: none of its checks is waited for any more.
bool Relay::ExpireUnderWay(UnderWay& command, Nanos now) {
  if (command.abandoned) return false;
  bool any_check = false;
  bool check_waits = false;
  bool any_waits = false;
  for (Request& request : command.requests) {
    if (request.sink && request.deadline <= now) Fail(request, Fault::kTimeout, kUnanswered);
    const bool waits = request.sink != nullptr;
    if (waits) first_deadline_ = std::min(first_deadline_, request.deadline);
    any_waits = any_waits || waits;
    if (CanWait(request.kind)) continue;
    any_check = true;
    check_waits = check_waits || waits;
  }
  if (!any_waits) {
    command.abandoned = true;
    --command.lane->live;
    command.lane->live_requests -= command.requests.size();
    ++command.lane->owed;
  }
  if (command.overdue || !any_check || check_waits) return false;
  command.overdue = true;
  return true;
}

// Whether a check or peek has expired in it.
bool Relay::ExpireQueue(Lane& lane, Nanos now) {
  bool check_expired = false;
  std::erase_if(lane.queue, [&](Request& request) {
    if (request.deadline > now) {
      first_deadline_ = std::min(first_deadline_, request.deadline);
      return false;
    }
    check_expired = check_expired || !CanWait(request.kind);
    if (lane.breaker.closed()) {
      Fail(request, Fault::kTimeout, kUnanswered);
    } else {
      Fail(request, lane.breaker.fault(), lane.breaker.why());
    }
    return true;
  });
  return check_expired;
}

// ---- Lanes

// What follows any change. The lane may be no more afterwards.
void Relay::Settle(Lane& lane, Nanos now) {
  Pump(lane, now);
  if (!options_.cluster || lane.troubled || !lane.breaker.closed() || lane.live > 0 ||
      lane.owed > 0 || !lane.queue.empty()) {
    return;
  }
  --breakers_[static_cast<std::size_t>(lane.seen)];
  lanes_.erase(lane.number);
}

// Keeps count of the breakers, of those that need the time too, and notes when the worst changes.
void Relay::Observe(Lane& lane) {
  const BreakerState state = lane.breaker.state();
  lane.breaker.TakeChanges();
  if (state == BreakerState::kHalfOpen || (state == BreakerState::kOpen && !lane.queue.empty())) {
    timed_.insert(&lane);
  } else {
    timed_.erase(&lane);
  }
  if (state == lane.seen) return;
  const BreakerState before = WorstBreaker();
  if (lane.seen == BreakerState::kClosed) ++stats_.breaker_openings;
  --breakers_[static_cast<std::size_t>(lane.seen)];
  ++breakers_[static_cast<std::size_t>(state)];
  lane.seen = state;
  const BreakerState after = WorstBreaker();
  constexpr std::size_t kMostChanges = 16;
  if (after != before && changes_.size() < kMostChanges) changes_.push_back(after);
}

BreakerState Relay::WorstBreaker() const {
  for (const BreakerState state : {BreakerState::kOpen, BreakerState::kHalfOpen}) {
    if (breakers_[static_cast<std::size_t>(state)] > 0) return state;
  }
  return BreakerState::kClosed;
}

std::vector<BreakerState> Relay::TakeBreakerChanges() { return std::exchange(changes_, {}); }

}  // namespace sluice::redis
