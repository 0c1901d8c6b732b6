// Load shedding: deadlines, circuit-breaker transitions, and requests rejected before they are
// queued.
#include <algorithm>
#include <utility>

#include "redis/pipeline.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kSilent = "the server did not answer in time, several times in a row";
constexpr std::string_view kTooMuch = "the server gets more requests than it can answer in time";

}  // namespace

std::string Pipeline::Session::WhyStillQueued() const { return std::string(kUnanswered); }

// Takes requests that must not wait in the queue: they fail, or become the breaker's probe.
bool Pipeline::AdmitOrReject(Lane& lane, Request& request, Nanos now) {
  if (RetriesDuringOutage(request.kind)) return false;
  const Breaker& breaker = lane.node->breaker;
  if (breaker.closed()) {
    // A request that leaves at once measures the duration.
    if (lane.batches < options_.max_in_flight ||
        !IsLate(lane, request.deadline, lane.requests + lane.queue.size() + 1, now)) {
      return false;
    }
    Fail(request, Fault::kOverload, kTooMuch);
    return true;
  }
  if (!MayProbe(lane, now)) {
    Fail(request, breaker.fault(), breaker.why());
    return true;
  }
  // A check notices the server's state sooner than the others.
  first_deadline_ = std::min(first_deadline_, request.deadline);
  lane.queue.push_front(std::move(request));
  SendFrom(lane, now);
  return true;
}

// Adds 12.5 % to the estimate: an answer just after the deadline is wasted work for the server.
bool Pipeline::IsLate(const Lane& lane, Nanos deadline, std::size_t ahead, Nanos now) const {
  const Nanos expected = lane.drain.For(ahead);
  return deadline < now + expected + expected / 8;
}

// Whether the client has so many commands of the lane that it must get no more.
bool Pipeline::KeepsTooMuch(const Lane& lane) const {
  return !transport_.in_order && lane.batches + lane.abandoned >= options_.max_abandoned;
}

bool Pipeline::MayProbe(const Lane& lane, Nanos now) {
  if (!session_.CanSend() || !lane.node->breaker.MayProbe(now)) return false;
  if (KeepsTooMuch(lane)) DropAbandoned(now);
  return !KeepsTooMuch(lane);
}

// Drops commands that the client will never answer.
void Pipeline::DropAbandoned(Nanos now) {
  auto at = in_flight_.begin();
  while (at != in_flight_.end() && at->second.sent <= now - options_.lost_after) {
    if (!at->second.abandoned) {
      ++at;
      continue;
    }
    --at->second.lane->abandoned;
    at = in_flight_.erase(at);
  }
  DropNodes(now);
}

// Nodes may have left the cluster, in any state of their breakers.
void Pipeline::DropNodes(Nanos now) {
  const auto is_old = [&](const Node& node) { return node.used <= now - options_.lost_after; };
  if (std::ranges::none_of(nodes_, [&](const auto& each) { return is_old(each.second); })) return;
  std::set<const Node*> needed;
  for (const auto& [slot, lane] : lanes_) needed.insert(lane.node);
  for (const auto& [id, command] : in_flight_) needed.insert(command.node);
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

void Pipeline::FailQueuedChecks(const Node& node) {
  const auto fails = [this, &node](Request& request) {
    if (RetriesDuringOutage(request.kind)) return false;
    Fail(request, node.breaker.fault(), node.breaker.why());
    return true;
  };
  for (auto& [slot, lane] : lanes_) {
    if (lane.node != &node) continue;
    std::erase_if(lane.held, fails);
    std::erase_if(lane.queue, fails);
    Observe(lane);
  }
}

void Pipeline::OnFailure(const Command& command, Fault fault, std::string_view why, Nanos now) {
  OnFailure(*command.node, command.batch, fault, why, now);
}

void Pipeline::OnFailure(Node& node, std::uint64_t batch, Fault fault, std::string_view why,
                         Nanos now) {
  if (batch <= node.missed) return;
  node.missed = batch;
  node.breaker.OnFailure(fault, why, now);
  Observe(node);
  if (!node.breaker.closed()) FailQueuedChecks(node);
}

void Pipeline::OnConnectionLost(std::string_view why, Nanos now) {
  now_ = now;
  ++turns_;
  for (auto& [number, node] : nodes_) {
    OnFailure(node, turns_ << 16, Fault::kUnavailable, why, now);
  }
  ++turns_;  // a batch sent from now on is newer than this failure
}

void Pipeline::Trip(Node& node, Fault fault, std::string_view why, Nanos now) {
  node.breaker.Trip(fault, why, now);
  Observe(node);
  FailQueuedChecks(node);
}

void Pipeline::Trip(Fault fault, std::string_view why, Nanos now) {
  now_ = now;
  for (auto& [number, node] : nodes_) Trip(node, fault, why, now);
}

void Pipeline::OnAnswered(const Command& command, Nanos now) {
  answered_ = true;
  Node& node = *command.node;
  const bool was_closed = node.breaker.closed();
  if (command.overdue) {
    node.breaker.OnSignOfLife(now);
  } else {
    node.breaker.OnSuccess();
  }
  if (was_closed) return;  // none of its lanes is among waiting_
  Observe(node);
  for (Lane* const lane : waiting_) {
    if (lane->node == &node) Touch(*lane);
  }
}

void Pipeline::OnSignOfLife(Nanos now) {
  for (auto& [number, node] : nodes_) {
    node.breaker.OnSignOfLife(now);
    Observe(node);
  }
}

void Pipeline::OnProbeReturned(Node& node, Nanos now) {
  node.breaker.OnProbeReturned(now);
  Observe(node);
}

// ---- Time

Nanos Pipeline::NextTime() const {
  Nanos next = std::min(first_deadline_, first_hold_);
  for (const Node* const node : probed_) next = std::min(next, node->breaker.NextTime());
  if (waiting_.empty() || !session_.CanSend()) return next;
  for (const Lane* const lane : waiting_) {
    if (KeepsTooMuch(*lane)) continue;
    next = std::min(next, std::max(lane->node->breaker.NextProbe(), lane->hold_until));
  }
  return next;
}

void Pipeline::OnTime(Nanos now, Nanos due) {
  now_ = now;
  ++turns_;
  if (due < now - kFrozen) {
    for (auto& [number, node] : nodes_) {
      node.breaker.Forgive(now);
      Observe(node);
    }
  }
  Expire(now, due < now - kLate);
  const std::set<Node*> probed = probed_;
  for (Node* const node : probed) {
    node->breaker.OnTime(now);
    Observe(*node);
  }
  first_hold_ = kNever;
  for (auto& [slot, lane] : lanes_) {
    if (lane.hold_until > now) first_hold_ = std::min(first_hold_, lane.hold_until);
    Touch(lane);
  }
}

// Visits every request, but only if a deadline may have passed. Requests are answered far sooner
// than their deadlines, so that is normally once per deadline's length, not per request. `late`:
// this process ran too late for a missed deadline to mean anything.
void Pipeline::Expire(Nanos now, bool late) {
  if (now < first_deadline_) return;
  first_deadline_ = kNever;
  std::vector<std::pair<std::uint64_t, Node*>> missed;  // batches
  std::set<const Lane*> missing;                        // lanes that missed one
  std::set<const Lane*> hopeful;                        // a check may still be answered in time
  for (auto& [id, command] : in_flight_) {
    if (command.abandoned) continue;
    const bool was_overdue = command.overdue;
    if (ExpireInFlight(command, now)) hopeful.insert(command.lane);
    if (command.overdue && !was_overdue) {
      missed.emplace_back(command.batch, command.node);
      missing.insert(command.lane);
    }
  }
  const std::string why = session_.WhyStillQueued();
  for (auto& [slot, lane] : lanes_) {
    if (late) lane.drain.Skip();
    if (!ExpireQueue(lane, why, now) || missing.contains(&lane) || hopeful.contains(&lane))
      continue;
    missed.emplace_back(turns_ << 16, lane.node);
  }
  std::ranges::stable_sort(missed, {}, &std::pair<std::uint64_t, Node*>::first);
  for (const auto& [batch, node] : missed) {
    if (late) {
      OnProbeReturned(*node, now);
    } else {
      OnFailure(*node, batch, Fault::kUnavailable, kSilent, now);
    }
  }
  ++turns_;  // a batch sent from now on is newer than these failures
  if (!transport_.in_order) DropAbandoned(now);
}

// Returns whether a check or peek still waits. A command becomes overdue when it has some, and none
// waits.
bool Pipeline::ExpireInFlight(Command& command, Nanos now) {
  bool any_check = false;
  bool check_waits = false;
  for (Request& request : command.requests) {
    if (request.sink && request.deadline <= now) {
      Fail(request, Fault::kTimeout, kUnanswered);
      --command.waiting;
      --requests_waiting_;
    }
    const bool waits = request.sink != nullptr;
    if (waits) first_deadline_ = std::min(first_deadline_, request.deadline);
    if (RetriesDuringOutage(request.kind)) continue;
    any_check = true;
    check_waits = check_waits || waits;
  }
  command.overdue = command.overdue || (any_check && !check_waits);
  if (command.waiting > 0 || transport_.in_order) return check_waits;
  command.abandoned = true;
  Lane& lane = *command.lane;
  --lane.batches;
  lane.requests -= command.requests.size();
  requests_in_flight_ -= command.requests.size();
  ++lane.abandoned;
  return false;
}

// Returns whether a check or peek has expired in it, other than because its slot is moving.
bool Pipeline::ExpireQueue(Lane& lane, std::string_view why, Nanos now) {
  const Breaker& breaker = lane.node->breaker;
  bool check_expired = false;
  const auto expired = [&](Request& request) {
    if (request.deadline > now) {
      first_deadline_ = std::min(first_deadline_, request.deadline);
      return false;
    }
    const bool held_back = request.route.alone && lane.hold_until != Nanos{0};
    check_expired = check_expired || !(RetriesDuringOutage(request.kind) || held_back);
    if (breaker.closed()) {
      Fail(request, Fault::kTimeout, why);
    } else {
      Fail(request, breaker.fault(), breaker.why());
    }
    return true;
  };
  std::erase_if(lane.held, expired);
  std::erase_if(lane.queue, expired);
  return check_expired;
}

// ---- Counts

void Pipeline::Observe(Lane& lane) {
  if (lane.queue.empty() || lane.node->breaker.closed()) {
    waiting_.erase(&lane);
  } else {
    waiting_.insert(&lane);
  }
}

void Pipeline::Observe(Node& node) {
  for (const BreakerState state : node.breaker.TakeChanges()) Count(node, state);
  if (node.breaker.state() == BreakerState::kHalfOpen) {
    probed_.insert(&node);
  } else {
    probed_.erase(&node);
  }
}

// Counts the breakers by state, and records changes of the worst.
void Pipeline::Count(Node& node, BreakerState state) {
  if (node.seen == BreakerState::kClosed && state != node.seen) ++stats_.breaker_openings;
  const BreakerState before = WorstBreaker();
  --breakers_[static_cast<std::size_t>(node.seen)];
  ++breakers_[static_cast<std::size_t>(state)];
  node.seen = state;
  const BreakerState after = WorstBreaker();
  constexpr std::size_t kMostChanges = 16;
  if (after == before) return;
  if (changes_.size() == kMostChanges) changes_.erase(changes_.begin());
  changes_.push_back(after);
}

BreakerState Pipeline::WorstBreaker() const {
  for (const BreakerState state : {BreakerState::kOpen, BreakerState::kHalfOpen}) {
    if (breakers_[static_cast<std::size_t>(state)] > 0) return state;
  }
  return BreakerState::kClosed;
}

}  // namespace sluice::redis
