// The common part of all routers, and the router for a single server.
#include "redis/router.h"

#include <algorithm>
#include <iterator>

#include "cluster_router.h"
#include "redis/request_rules.h"
#include "sentinel_router.h"

namespace sluice::redis {
namespace {

class SingleRouter final : public Router {
 public:
  SingleRouter(const Endpoint& server, const Options& options, std::uint64_t seed, Nanos now)
      : Router(options, seed), session_(AddSession(server, options.session, now)) {
    SetProtocols({session_});
  }

  void Submit(std::span<Request> requests, Nanos now) override { session_->Submit(requests, now); }

 private:
  const std::shared_ptr<ServerSession> session_;
};

void Add(const SessionStats& from, SessionStats& to) {
  to.breaker_openings += from.breaker_openings;
  to.submitted += from.submitted;
  to.completed += from.completed;
  to.timeouts += from.timeouts;
  to.shed += from.shed;
  to.faults += from.faults;
  to.retries += from.retries;
  to.batches += from.batches;
  to.batched += from.batched;
  to.largest_batch = std::max(to.largest_batch, from.largest_batch);
  to.reconnects += from.reconnects;
  to.script_reloads += from.script_reloads;
}

}  // namespace

std::unique_ptr<Router> Router::Make(const ServerSet& set, const Options& options,
                                     std::uint64_t seed, Nanos now) {
  switch (set.mode) {
    case ServerSet::Mode::kSingle:
      return std::make_unique<SingleRouter>(set.servers.front(), options, seed, now);
    case ServerSet::Mode::kCluster:
      return std::make_unique<ClusterRouter>(set, options, seed, now);
    case ServerSet::Mode::kSentinel:
      return std::make_unique<SentinelRouter>(set, options, seed, now);
  }
  return nullptr;
}

void Router::OnTime(Nanos now) {
  LookAtDriven();
  std::vector<Protocol*> due;
  for (const auto& [time, protocol] : times_) {
    if (time > now) break;
    due.push_back(protocol);
  }
  for (Protocol* const protocol : due) protocol->OnTime(now);
  Advance(now);
}

void Router::PublishMetadata(Nanos now) {
  for (const Member& member : members_) member.session->PublishMetadata(now);
}

void Router::Close() {
  for (const Member& member : members_) member.session->Close();
  const auto all = [](const Request&, Nanos) { return true; };
  for (Request& request : waiting_.Take(all)) {
    Fail(request, Fault::kClosed, kClosed);
  }
}

// ---- The state of driven protocols

void Router::LookAtDriven() {
  for (Protocol* const protocol : reports_) {
    ++looks_;
    protocol->ForgetReport();
    Known& known = known_[protocol];
    if (known.timed) Schedule(*protocol, known, protocol->NextTime());
    if (known.session == nullptr) continue;
    const std::size_t in_flight = known.session->requests_in_flight();
    in_flight_ += in_flight - std::exchange(known.in_flight, in_flight);
    std::ranges::move(known.session->TakeDeliveries(), std::back_inserter(deliveries_));
    if (known.session->has_news()) news_.insert(known.member);
    if (!std::exchange(known.driven, true)) driven_sessions_.push_back(known.session);
    if (!std::exchange(known.changed, true)) changed_.push_back(protocol);
  }
  reports_.clear();
}

void Router::Schedule(Protocol& protocol, Known& known, Nanos time) {
  if (known.time == time) return;
  if (known.time != kNever) times_.erase({known.time, &protocol});
  if (time != kNever) times_.emplace(time, &protocol);
  known.time = time;
}

void Router::Forget(Protocol& protocol) {
  protocol.ReportTo(nullptr);
  std::erase(reports_, &protocol);
  std::erase(changed_, &protocol);
  const auto at = known_.find(&protocol);
  std::erase(driven_sessions_, at->second.session);
  Schedule(protocol, at->second, kNever);
  in_flight_ -= at->second.in_flight;
  known_.erase(at);
}

Nanos Router::NextTime() {
  LookAtDriven();
  const Nanos own = OwnTime();
  return times_.empty() ? own : std::min(own, times_.begin()->first);
}

std::vector<Delivery> Router::TakeDeliveries() {
  LookAtDriven();
  std::vector<Delivery> all = std::exchange(deliveries_, {});
  std::ranges::move(completions_.Take(), std::back_inserter(all));
  return all;
}

std::vector<Router::News> Router::TakeNews(Nanos wall) {
  LookAtDriven();
  std::vector<News> all = std::exchange(last_news_, {});
  for (const std::size_t index : std::exchange(news_, {})) {
    const auto& [address, session] = members_[index];
    const bool warned = session->has_warnings();
    all.push_back({.address = address, .states = session->TakeBreakerChanges(), .warnings = {}});
    if (warned) all.back().warnings = session->TakeWarnings(wall);
  }
  return all;
}

bool Router::has_warnings() {
  LookAtDriven();
  return std::ranges::any_of(
      news_, [this](std::size_t index) { return members_[index].session->has_warnings(); });
}

std::size_t Router::requests_in_flight() {
  LookAtDriven();
  return in_flight_;
}

std::vector<std::size_t> Router::TakeChangedMembers() {
  LookAtDriven();
  std::vector<std::size_t> indices;
  for (Protocol* const protocol : std::exchange(changed_, {})) {
    Known& known = known_.at(protocol);
    known.changed = false;
    indices.push_back(known.member);
  }
  return indices;
}

std::vector<ServerSession*> Router::TakeDriven() {
  LookAtDriven();
  std::vector<ServerSession*> driven = std::exchange(driven_sessions_, {});
  for (ServerSession* const session : driven) known_.at(session).driven = false;
  return driven;
}

// ---- Members

std::shared_ptr<ServerSession> Router::AddSession(const Endpoint& endpoint,
                                                  ServerSession::Options session, Nanos now) {
  session.endpoint = endpoint;
  auto added = std::make_shared<ServerSession>(std::move(session), random_(), now);
  Known& known = known_[added.get()];
  known.session = added.get();
  known.member = members_.size();
  members_.push_back({endpoint.Address(), added});
  added->ReportTo(&reports_);
  ++version_;
  return added;
}

void Router::RemoveSession(const std::shared_ptr<ServerSession>& session) {
  const auto at = std::ranges::find(members_, session, &Member::session);
  if (at == members_.end()) return;
  session->Close();
  std::ranges::move(session->TakeDeliveries(), std::back_inserter(deliveries_));
  std::vector<BreakerState> states = session->TakeBreakerChanges();
  if (session->stats().breaker != BreakerState::kClosed) states.push_back(BreakerState::kClosed);
  if (!states.empty()) last_news_.push_back({at->address, std::move(states), {}});
  Add(session->stats(), others_);
  Forget(*session);
  members_.erase(at);
  news_.clear();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    known_.at(members_[i].session.get()).member = i;
    if (members_[i].session->has_news()) news_.insert(i);
  }
  ++version_;
}

void Router::SetProtocols(std::vector<std::shared_ptr<Protocol>> protocols) {
  if (protocols == protocols_) return;
  for (const auto& protocol : protocols_) {
    const auto at = known_.find(protocol.get());
    if (at == known_.end()) continue;  // a session that was removed
    at->second.timed = false;
    if (at->second.session == nullptr &&
        std::ranges::find(protocols, protocol) == protocols.end()) {
      Forget(*protocol);
    }
  }
  protocols_ = std::move(protocols);
  for (const auto& protocol : protocols_) {
    const bool fresh = !known_.contains(protocol.get());
    Known& known = known_[protocol.get()];
    known.timed = true;
    if (fresh) protocol->ReportTo(&reports_);
    Schedule(*protocol, known, protocol->NextTime());
  }
  for (auto& [protocol, known] : known_) {
    if (!known.timed) Schedule(*protocol, known, kNever);
  }
  ++version_;
}

void Router::Warn(const Endpoint& server, Warning warning) {
  last_news_.push_back({server.Address(), {}, {std::move(warning)}});
}

void Router::Fail(Request& request, Fault fault, std::string_view why) {
  ++others_.submitted;
  CountCompleted(fault, others_);
  completions_.Fail(request, fault, why);
}

void Router::FailOrWait(Request&& request, Fault fault, std::string_view why, Nanos due) {
  if (!RetriesDuringOutage(request.kind)) return Fail(request, fault, why);
  waiting_.Add(std::move(request), due);
}

void Router::FailChecksThatWait(Fault fault, std::string_view why) {
  const auto fails = [](const Request& request, Nanos due) {
    return due == kNever && !RetriesDuringOutage(request.kind);
  };
  for (Request& request : waiting_.Take(fails)) Fail(request, fault, why);
}

std::vector<Request> Router::TakeDue(Nanos now) {
  if (now < waiting_.NextTime()) return {};
  return waiting_.Take(
      [now](const Request& request, Nanos due) { return due <= now || request.deadline <= now; });
}

std::vector<Request> Router::TakeUncalled() {
  return waiting_.Take([](const Request&, Nanos due) { return due == kNever; });
}

Nanos Router::Between(Nanos least, Nanos most) {
  const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
  return least + Nanos{static_cast<std::int64_t>(random_() % span)};
}

}  // namespace sluice::redis
