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
  const Breaker& breaker = lane.node->breaker;
  if (breaker.closed()) {
    // What leaves at once shows how long it takes.
    if (lane.live < options_.max_under_way ||
        !IsLate(lane, request.deadline, lane.live_requests + lane.queue.size() + 1, now)) {
      return false;
    }
    Fail(request, Fault::kOverload, kTooMuch);
    return true;
  }
  if (!MayProbe(lane, now)) {
    Fail(request, breaker.fault(), breaker.why());
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
  if (!lane.node->breaker.MayProbe(now)) return false;
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
  ForgetNodes(now);
}

// Nodes may have left the cluster, however their breakers are.
void Relay::ForgetNodes(Nanos now) {
  const auto is_old = [&](const Node& node) { return node.used <= now - options_.lost_after; };
  if (std::ranges::none_of(nodes_, [&](const auto& each) { return is_old(each.second); })) return;
  std::set<const Node*> needed;
  for (const auto& [slot, lane] : lanes_) needed.insert(lane.node);
  for (const auto& [id, command] : under_way_) needed.insert(command.node);
  for (auto at = nodes_.begin(); at != nodes_.end();) {
    Node& node = at->second;
    if (!is_old(node) || needed.contains(&node)) {
      ++at;
      continue;
    }
    Count(node, BreakerState::kClosed);
    --breakers_[static_cast<std::size_t>(node.seen)];
    probed_.erase(&node);
    at = nodes_.erase(at);
  }
}

// ---- Breakers

void Relay::FailChecksThatWait(const Node& node) {
  for (auto& [slot, lane] : lanes_) {
    if (lane.node != &node) continue;
    std::erase_if(lane.queue, [this, &node](Request& request) {
      if (CanWait(request.kind)) return false;
      Fail(request, node.breaker.fault(), node.breaker.why());
      return true;
    });
    Observe(lane);
  }
}

// What a batch missed by several of its commands, or one after a later one, is no further failure.
void Relay::NoteFailure(Node& node, std::uint64_t batch, Fault fault, std::string_view why,
                        Nanos now) {
  if (batch <= node.missed) return;
  node.missed = batch;
  node.breaker.OnFailure(fault, why, now);
  Observe(node);
  if (!node.breaker.closed()) FailChecksThatWait(node);
}

void Relay::Trip(Node& node, std::string_view why, Nanos now) {
  node.breaker.Trip(Fault::kServer, why, now);
  Observe(node);
  FailChecksThatWait(node);
}

// A command was answered by something that is no cry for help.
void Relay::NoteReply(const UnderWay& command, Nanos now) {
  Node& node = *command.node;
  if (command.overdue) return node.breaker.OnSignOfLife(now);
  const bool was_closed = node.breaker.closed();
  node.breaker.OnSuccess();
  if (was_closed) return;  // none of its lanes is among waiting_
  Observe(node);
  const std::set<Lane*> waiting = waiting_;
  for (Lane* const lane : waiting) {
    if (lane->node == &node) Pump(*lane, now);
  }
}

void Relay::NoteProbeReturned(Node& node, Nanos now) {
  node.breaker.OnProbeReturned(now);
  Observe(node);
}

// ---- Time

Nanos Relay::NextTime() const {
  Nanos next = std::min(first_deadline_, first_hold_);
  for (const Node* const node : probed_) next = std::min(next, node->breaker.NextTime());
  for (const Lane* const lane : waiting_) {
    if (KeepsTooMuch(*lane)) continue;
    next = std::min(next, std::max(lane->node->breaker.NextProbe(), lane->hold_until));
  }
  return next;
}

void Relay::OnTime(Nanos now) {
  now_ = now;
  ++turns_;
  const Nanos due = NextTime();
  if (due < now - kFrozen) {
    for (auto& [number, node] : nodes_) node.breaker.Forgive(now);
  }
  Expire(now, due < now - kLate);
  const std::set<Node*> probed = probed_;
  for (Node* const node : probed) {
    node->breaker.OnTime(now);
    Observe(*node);
  }
  first_hold_ = kNever;
  for (auto at = lanes_.begin(); at != lanes_.end();) {
    Lane& lane = (at++)->second;  // which may be no more afterwards
    if (lane.hold_until > now) first_hold_ = std::min(first_hold_, lane.hold_until);
    Settle(lane, now);
  }
}

// Looks at every request, but only when some deadline may have passed. Requests are answered far
// sooner than their deadlines, so in health that is once per deadline's length, not per request.
void Relay::Expire(Nanos now, bool late) {
  if (now < first_deadline_) return;
  first_deadline_ = kNever;
  std::vector<std::pair<std::uint64_t, Node*>> missed;  // batches, and whose they were
  std::set<const Lane*> missing;                        // lanes that missed one
  std::set<const Lane*> hopeful;                        // a reply may still come in time
  for (auto& [id, command] : under_way_) {
    if (ExpireUnderWay(command, now)) {
      missed.emplace_back(command.batch, command.node);
      missing.insert(command.lane);
    }
    if (!command.overdue) hopeful.insert(command.lane);
  }
  for (auto& [slot, lane] : lanes_) {
    if (late) lane.pace.Skip();
    if (!ExpireQueue(lane, now) || missing.contains(&lane) || hopeful.contains(&lane)) continue;
    missed.emplace_back(turns_ << 16, lane.node);
  }
  std::ranges::stable_sort(missed, {}, &std::pair<std::uint64_t, Node*>::first);
  for (const auto& [batch, node] : missed) {
    if (late) {
      NoteProbeReturned(*node, now);
    } else {
      NoteFailure(*node, batch, Fault::kUnavailable, kSilent, now);
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

// Whether a check or peek has expired in it, and not for its slot's sake.
bool Relay::ExpireQueue(Lane& lane, Nanos now) {
  const Breaker& breaker = lane.node->breaker;
  bool check_expired = false;
  std::erase_if(lane.queue, [&](Request& request) {
    if (request.deadline > now) {
      first_deadline_ = std::min(first_deadline_, request.deadline);
      return false;
    }
    check_expired = check_expired || !(CanWait(request.kind) || request.route.alone);
    if (breaker.closed()) {
      Fail(request, Fault::kTimeout, kUnanswered);
    } else {
      Fail(request, breaker.fault(), breaker.why());
    }
    return true;
  });
  return check_expired;
}

// ---- Lanes and nodes

// What follows any change. The lane may be no more afterwards.
void Relay::Settle(Lane& lane, Nanos now) {
  Pump(lane, now);
  if (options_.cluster && lane.live == 0 && lane.owed == 0 && lane.queue.empty()) {
    lanes_.erase(lane.slot);
  }
}

void Relay::Observe(Lane& lane) {
  if (lane.queue.empty() || lane.node->breaker.closed()) {
    waiting_.erase(&lane);
  } else {
    waiting_.insert(&lane);
  }
}

void Relay::Observe(Node& node) {
  node.breaker.TakeChanges();
  const BreakerState state = node.breaker.state();
  if (state == BreakerState::kHalfOpen) {
    probed_.insert(&node);
  } else {
    probed_.erase(&node);
  }
  if (node.seen == BreakerState::kClosed && state != node.seen) ++stats_.breaker_openings;
  Count(node, state);
}

// Keeps count of the breakers, and notes when the worst changes.
void Relay::Count(Node& node, BreakerState state) {
  const BreakerState before = WorstBreaker();
  --breakers_[static_cast<std::size_t>(node.seen)];
  ++breakers_[static_cast<std::size_t>(state)];
  node.seen = state;
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
