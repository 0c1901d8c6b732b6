// Routing by slot, and the handling of redirections and refusals.
#include "cluster_router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "redis/backoff.h"
#include "redis/error_reply.h"
#include "redis/request_rules.h"

namespace sluice::redis {
namespace {

using std::chrono::milliseconds;

// After this many redirections, a refused request is not sent again at once: two nodes may name
// each other until a third one has told them the owner.
constexpr unsigned kHasty = 4;
constexpr Nanos kShortWait = milliseconds(5);
constexpr Nanos kLongWait = milliseconds(15);
// For a node that refuses everything: its breaker is then open, and a returning request is the
// probe.
constexpr Nanos kRefusedWait = milliseconds(25);

constexpr std::string_view kUnserved = "no node of the cluster has the key's slot";

}  // namespace

ClusterRouter::ClusterRouter(ServerSet set, Options options, std::uint64_t seed, Nanos now)
    : Router(std::move(options), seed),
      set_(std::move(set)),
      query_(options_.query),
      refresh_at_(now) {
  Advance(now);
}

// ---- In

void ClusterRouter::Submit(std::span<Request> requests, Nanos now) {
  for (Request& request : requests) {
    const auto slot = SlotOf(request);
    if (!slot) {
      Fail(request, Fault::kCrossSlot, kSlotsApart);
      continue;
    }
    if (request.asked == Nanos{0}) request.asked = now;
    request.route = {.slot = *slot};
    Place(std::move(request), now);
  }
  Flush(now);
}

void ClusterRouter::Advance(Nanos now) {
  for (ServerSession* const session : TakeDriven()) {
    const Endpoint& endpoint = session->endpoint();
    TakeBack(*Find({.host = endpoint.host, .port = endpoint.port}), now);
  }
  FollowQuery(now);
  if (unlisted_ > 0) DropUnlisted(now);
  LookAfterTroubled(now);
  for (Request& request : TakeDue(now)) Place(std::move(request), now);
  Flush(now);
  if (query_.TakeChanged() || std::exchange(changed_, false)) {
    std::vector<std::shared_ptr<Protocol>> all;
    for (const auto& node : nodes_) all.push_back(node->session);
    all.insert(all.end(), query_.attempts().begin(), query_.attempts().end());
    SetProtocols(std::move(all));
  }
}

Nanos ClusterRouter::OwnTime() const {
  if (reader_) return Nanos{0};
  return std::min(
      {waiting_.NextTime(), query_.NextTime(), query_.running() ? kNever : refresh_at_});
}

// ---- Where requests go

void ClusterRouter::Place(Request&& request, Nanos now) {
  if (request.deadline <= now) return Fail(request, Fault::kTimeout, kUnanswered);
  Node* const owner = owners_[request.route.slot];
  if (owner != nullptr) {
    Give(*owner, std::move(request));
  } else if (known_) {
    // Every check of such a slot arrives here, and each query is a new connection.
    Refresh(now + Between(milliseconds(100), milliseconds(250)));
    FailOrWait(std::move(request), Fault::kServer, kUnserved, now + kRefusedWait);
  } else if (lost_.empty()) {
    waiting_.Add(std::move(request), kNever);
  } else {
    FailOrWait(std::move(request), Fault::kUnavailable, lost_, kNever);
  }
}

void ClusterRouter::Give(Node& node, Request&& request) {
  if (node.outgoing.empty()) giving_.push_back(&node);
  node.outgoing.push_back(std::move(request));
}

void ClusterRouter::Flush(Nanos now) {
  for (Node* const node : std::exchange(giving_, {})) {
    node->used = now;
    node->session->Submit(node->outgoing, now);
    node->outgoing.clear();
  }
}

// ---- Requests that nodes did not execute

void ClusterRouter::TakeBack(Node& node, Nanos now) {
  for (ServerSession::Returned& returned : node.session->TakeReturned()) {
    Request& request = returned.request;
    request.route.asking = false;
    if (returned.redirect) {
      Redirected(node, std::move(request), *returned.redirect, returned.single, returned.error,
                 now);
      continue;
    }
    // It refuses all requests: it may no longer be a master.
    Refresh(now + Between(Nanos{0}, kShortWait));
    waiting_.Add(std::move(request), now + kRefusedWait);
  }
  if (std::exchange(node.losses, node.session->losses()) != node.losses) {
    Refresh(now + Between(Nanos{0}, kLongWait));
  }
  if (node.listed) troubled_ -= node.troubled ? 1 : 0;
  node.troubled = node.session->troubled();
  if (node.listed) troubled_ += node.troubled ? 1 : 0;
}

void ClusterRouter::Redirected(Node& node, Request&& request, const Redirect& redirect, bool single,
                               const std::string& error, Nanos now) {
  Request::Route& route = request.route;
  if (++route.redirects > kMostRedirects) {
    return Fail(request, Fault::kServer, "redirected too often: " + error);
  }
  const NodeAddress where{.host = redirect.host.empty() ? node.address.host : redirect.host,
                          .port = redirect.port};
  switch (redirect.kind) {
    case Redirect::Kind::kTryAgain:
      Refresh(now + Between(milliseconds(250), milliseconds(500)));
      route.alone = true;
      if (single) {
        route.redirects = 0;
        return waiting_.Add(std::move(request), now + Between(kShortWait, kLongWait));
      }
      return Place(std::move(request), now);
    case Redirect::Kind::kAsk:
      route.alone = true;
      if (single) {
        Node* const importing = FindOrAdd(where, now);
        if (importing == nullptr) return Fail(request, Fault::kServer, error);
        route.asking = true;
        return Give(*importing, std::move(request));
      }
      return Place(std::move(request), now);
    case Redirect::Kind::kMoved:
      break;
  }
  Node* const owner = FindOrAdd(where, now);
  if (owner == nullptr) return Fail(request, Fault::kServer, error);
  SetOwner(route.slot, owner);
  route.alone = false;
  Refresh(now + Between(milliseconds(250), milliseconds(500)));
  if (route.redirects > kHasty) {
    return waiting_.Add(std::move(request), now + Between(kShortWait, kLongWait));
  }
  Place(std::move(request), now);
}

// ---- Nodes

Endpoint ClusterRouter::EndpointOf(const NodeAddress& address) const {
  Endpoint endpoint = set_.node;
  endpoint.host = address.host;
  endpoint.port = address.port;
  return endpoint;
}

ClusterRouter::Node* ClusterRouter::Find(const NodeAddress& address) {
  const auto at = by_address_.find(address);
  return at == by_address_.end() ? nullptr : at->second;
}

// Null when there are too many.
ClusterRouter::Node* ClusterRouter::FindOrAdd(const NodeAddress& address, Nanos now) {
  if (Node* const known = Find(address)) return known;
  if (nodes_.size() == kMostNodes) return nullptr;
  ServerSession::Options session = options_.session;
  session.routed = session.by_slot = true;
  auto node = std::make_unique<Node>();
  node->address = address;
  node->session = AddSession(EndpointOf(address), std::move(session), now);
  node->used = now;
  changed_ = true;
  ++unlisted_;
  by_address_.emplace(address, node.get());
  nodes_.push_back(std::move(node));
  return nodes_.back().get();
}

void ClusterRouter::DropUnlisted(Nanos now) {
  constexpr Nanos kForgotten = std::chrono::seconds(5);
  for (auto at = nodes_.begin(); at != nodes_.end();) {
    Node& node = **at;
    const bool wanted = node.listed || !node.outgoing.empty() || !node.session->idle() ||
                        now < node.used + kForgotten || node.slots > 0;
    if (wanted) {
      ++at;
      continue;
    }
    RemoveSession(node.session);
    changed_ = true;
    --unlisted_;
    by_address_.erase(node.address);
    at = nodes_.erase(at);
  }
}

void ClusterRouter::LookAfterTroubled(Nanos now) {
  if (troubled_ == 0) {
    troubles_ = 0;
  } else if (!query_.running() && refresh_at_ == kNever) {
    const Nanos span = milliseconds(std::min(2000, 250 << std::min(troubles_++, 3U)));
    Refresh(now + Between(span / 2, span));
  }
}

// ---- The owners of slots

// The earliest time counts, so several reasons cause one query.
void ClusterRouter::Refresh(Nanos soon) { refresh_at_ = std::min(refresh_at_, soon); }

void ClusterRouter::FollowQuery(Nanos now) {
  if (!query_.running() && !reader_) {
    if (now < refresh_at_) return;
    refresh_at_ = kNever;
    query_.Start(Candidates(), {"CLUSTER", "SLOTS"}, now, kSlotTableBounds);
  }
  for (;;) {
    if (!reader_) {
      auto answer = query_.Advance(now);
      if (!answer) break;
      reader_.emplace(std::move(answer->reply), answer->from.host);
      answered_ = answer->from.Address();
    }
    // Read in steps, so that checks in flight do not wait for a long answer.
    constexpr std::size_t kSteps = 2000;
    const SlotTableReader::Next next = reader_->Read(kSteps);
    if (next == SlotTableReader::Next::kMore) return;
    if (next == SlotTableReader::Next::kDone) {
      query_.Stop();
      Apply(reader_->table(), now);
      reader_.reset();
      return;
    }
    query_.Reject(answered_ + ": " + reader_->why());
    reader_.reset();
  }
  if (query_.running()) return;
  // No node answered.
  Refresh(now + FullJitter(options_.session.backoff, failures_++, random_));
  if (known_) return;
  lost_ = query_.why();
  FailChecksThatWait(Fault::kUnavailable, lost_);
}

// First nodes that answer, in any order; then nodes that may answer; then the seeds.
std::vector<Endpoint> ClusterRouter::Candidates() {
  std::vector<Endpoint> healthy;
  std::vector<Endpoint> others;
  for (const auto& node : nodes_) {
    (node->session->healthy() ? healthy : others).push_back(EndpointOf(node->address));
  }
  for (const NodeAddress& replica : replicas_) others.push_back(EndpointOf(replica));
  others.insert(others.end(), set_.servers.begin(), set_.servers.end());
  std::ranges::shuffle(healthy, random_);
  std::ranges::shuffle(others, random_);
  std::vector<Endpoint> all;
  std::set<Endpoint> known;
  for (std::vector<Endpoint>* const some : {&healthy, &others}) {
    for (Endpoint& one : *some) {
      if (known.insert(one).second) all.push_back(std::move(one));
    }
  }
  return all;
}

void ClusterRouter::SetOwner(std::uint16_t slot, Node* node) {
  if (Node* const former = std::exchange(owners_[slot], node)) --former->slots;
  if (node != nullptr) ++node->slots;
}

void ClusterRouter::Apply(const SlotTable& table, Nanos now) {
  for (const auto& node : nodes_) {
    node->listed = false;
    node->slots = 0;
  }
  unlisted_ = nodes_.size();
  troubled_ = 0;
  owners_.fill(nullptr);
  for (const SlotRange& range : table.ranges) {
    Node* const node = FindOrAdd(range.master, now);
    if (node == nullptr) continue;
    if (!std::exchange(node->listed, true)) {
      --unlisted_;
      troubled_ += node->troubled ? 1 : 0;
    }
    for (std::uint16_t slot = range.first; slot <= range.last; ++slot) SetOwner(slot, node);
  }
  replicas_ = table.replicas;
  known_ = true;
  lost_.clear();
  failures_ = 0;

  // Unwritten requests go to the new owners of their slots.
  for (const auto& node : nodes_) {
    const auto elsewhere = [&](const Request& request) {
      const Node* const owner = owners_[request.route.slot];
      return !request.route.asking && owner != nullptr && owner != node.get();
    };
    for (Request& request : node->session->TakeQueued(elsewhere)) Place(std::move(request), now);
  }
  for (Request& request : TakeUncalled()) Place(std::move(request), now);
}

}  // namespace sluice::redis
