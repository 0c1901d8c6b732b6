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
    SetConversations({session_});
  }

  void Submit(std::span<Request> requests, Nanos now) override { session_->Submit(requests, now); }

 private:
  const std::shared_ptr<ServerSession> session_;
};

void Add(const LinkStats& from, LinkStats& to) {
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
  for (const auto& conversation : conversations_) {
    if (now >= conversation->NextTime()) conversation->OnTime(now);
  }
  Turn(now);
}

void Router::PutUpNotices(Nanos now) {
  for (const Member& member : members_) member.session->PutUpNotices(now);
}

void Router::Close() {
  for (const Member& member : members_) member.session->Close();
  const auto all = [](const Request&, Nanos) { return true; };
  for (Request& request : waiting_.Take(all)) {
    Fail(request, Fault::kClosed, "the client was closed");
  }
}

Nanos Router::NextTime() const {
  Nanos next = OwnTime();
  for (const auto& conversation : conversations_) next = std::min(next, conversation->NextTime());
  return next;
}

std::vector<Delivery> Router::TakeDeliveries() {
  std::vector<Delivery> all = std::exchange(left_, {});
  const auto append = [&all](std::vector<Delivery>&& more) {
    if (all.empty()) {
      all = std::move(more);
    } else {
      std::ranges::move(more, std::back_inserter(all));
    }
  };
  append(completions_.Take());
  for (const Member& member : members_) append(member.session->TakeDeliveries());
  return all;
}

std::vector<Router::News> Router::TakeNews(Nanos wall) {
  std::vector<News> all = std::exchange(last_news_, {});
  for (const Member& member : members_) {
    const bool examined = member.session->IsExamined();
    std::vector<BreakerState> states = member.session->TakeBreakerChanges();
    if (states.empty() && !examined) continue;
    all.push_back({.address = member.address, .states = std::move(states), .warnings = {}});
    if (examined) all.back().warnings = member.session->TakeWarnings(wall);
  }
  return all;
}

bool Router::IsExamined() const {
  return std::ranges::any_of(members_, [](const Member& m) { return m.session->IsExamined(); });
}

std::size_t Router::requests_in_flight() const {
  std::size_t count = 0;
  for (const Member& member : members_) count += member.session->requests_in_flight();
  return count;
}

std::shared_ptr<ServerSession> Router::AddSession(const Endpoint& endpoint,
                                                  ServerSession::Options session, Nanos now) {
  session.endpoint = endpoint;
  auto added = std::make_shared<ServerSession>(std::move(session), random_(), now);
  members_.push_back({endpoint.Address(), added});
  ++version_;
  return added;
}

void Router::RemoveSession(const std::shared_ptr<ServerSession>& session) {
  const auto at = std::ranges::find(members_, session, &Member::session);
  if (at == members_.end()) return;
  session->Close();
  std::ranges::move(session->TakeDeliveries(), std::back_inserter(left_));
  std::vector<BreakerState> states = session->TakeBreakerChanges();
  if (session->stats().breaker != BreakerState::kClosed) states.push_back(BreakerState::kClosed);
  if (!states.empty()) last_news_.push_back({at->address, std::move(states), {}});
  Add(session->stats(), others_);
  members_.erase(at);
  ++version_;
}

void Router::SetConversations(std::vector<std::shared_ptr<Conversation>> conversations) {
  if (conversations == conversations_) return;
  conversations_ = std::move(conversations);
  ++version_;
}

void Router::Warn(const Endpoint& server, Warning warning) {
  last_news_.push_back({server.Address(), {}, {std::move(warning)}});
}

void Router::Fail(Request& request, Fault fault, std::string_view why) {
  ++others_.submitted;
  ++others_.completed;
  ++(fault == Fault::kTimeout ? others_.timeouts : others_.faults);
  completions_.Fail(request, fault, why);
}

void Router::FailOrWait(Request&& request, Fault fault, std::string_view why, Nanos due) {
  if (!CanWait(request.kind)) return Fail(request, fault, why);
  waiting_.Add(std::move(request), due);
}

void Router::FailChecksThatWait(Fault fault, std::string_view why) {
  const auto fails = [](const Request& request, Nanos due) {
    return due == kNever && !CanWait(request.kind);
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
