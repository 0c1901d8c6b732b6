// Finds the master and follows its changes.
#include "sentinel_router.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "redis/backoff.h"
#include "redis/request_rules.h"

namespace sluice::redis {
namespace {

using std::chrono::milliseconds;
using Kind = Reply::Kind;

// The time for which a sentinel's answer is believed.
constexpr Nanos kLeast = milliseconds(1500);
constexpr Nanos kMost = milliseconds(2500);
// For a master that refuses everything; see cluster_router.cc.
constexpr Nanos kRefusedWait = milliseconds(25);

// [host, port]
bool ReadAddress(const Reply& reply, Endpoint& endpoint) {
  if (!reply.IsArray(2) || reply.items[0].kind != Kind::kText || !IsHost(reply.items[0].text)) {
    return false;
  }
  const std::string& port = reply.items[1].text;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  endpoint.host = reply.items[0].text;
  return error == std::errc() && end == port.data() + port.size() && endpoint.port != 0;
}

}  // namespace

SentinelRouter::SentinelRouter(ServerSet set, Options options, std::uint64_t seed, Nanos now)
    : Router(std::move(options), seed),
      set_(std::move(set)),
      sentinels_(options_.query),
      role_(options_.query),
      refresh_at_(now) {
  Advance(now);
}

void SentinelRouter::Submit(std::span<Request> requests, Nanos now) {
  if (master_) return master_->Submit(requests, now);
  for (Request& request : requests) {
    if (request.asked == Nanos{0}) request.asked = now;
    if (lost_.empty()) {
      waiting_.Add(std::move(request), kNever);
    } else {
      FailOrWait(std::move(request), Fault::kUnavailable, lost_, kNever);
    }
  }
}

void SentinelRouter::Advance(Nanos now) {
  TakeBack(now);
  FollowQueries(now);
  LetGo(now);
  Place(TakeDue(now), now);
  const bool sentinels_changed = sentinels_.TakeChanged();
  if (role_.TakeChanged() || sentinels_changed || std::exchange(changed_, false)) {
    std::vector<std::shared_ptr<Protocol>> all(former_.begin(), former_.end());
    if (confirmed_) all.push_back(master_);
    for (const TopologyQuery* const query : {&sentinels_, &role_}) {
      all.insert(all.end(), query->attempts().begin(), query->attempts().end());
    }
    SetProtocols(std::move(all));
  }
}

// A session that may not connect has its own time all the same.
Nanos SentinelRouter::OwnTime() const {
  const Nanos next = std::min({waiting_.NextTime(), sentinels_.NextTime(), role_.NextTime()});
  const bool asking = sentinels_.running() || role_.running();
  return std::min(
      {next, asking ? kNever : refresh_at_, master_ && !confirmed_ ? master_->NextTime() : kNever});
}

// Requests that were with no session, or with another one.
void SentinelRouter::Place(std::vector<Request> requests, Nanos now) {
  if (requests.empty()) return;
  std::erase_if(requests, [&](Request& request) {
    if (request.deadline > now) return false;
    Fail(request, Fault::kTimeout, kUnanswered);
    return true;
  });
  Submit(requests, now);
}

void SentinelRouter::TakeBack(Nanos now) {
  const auto take = [&](ServerSession& session) {
    for (ServerSession::Returned& returned : session.TakeReturned()) {
      waiting_.Add(std::move(returned.request), now + kRefusedWait);
      Refresh(now);
    }
  };
  for (const auto& session : former_) take(*session);
  if (!master_) return;
  if (!confirmed_ && now >= master_->NextTime()) master_->OnTime(now);
  take(*master_);
  if (std::exchange(losses_, master_->losses()) != losses_) {
    changed_ = changed_ || confirmed_;
    confirmed_ = false;
    Refresh(now);
  }
}

// Removes former masters once they have no requests.
void SentinelRouter::LetGo(Nanos now) {
  const auto all = [](const Request&) { return true; };
  for (auto at = former_.begin(); at != former_.end();) {
    const std::shared_ptr<ServerSession> session = *at;
    Place(session->TakeQueued(all), now);
    if (!session->idle()) {
      ++at;
      continue;
    }
    RemoveSession(session);
    changed_ = true;
    at = former_.erase(at);
  }
}

// ---- Finding the master

// The earliest time counts.
void SentinelRouter::Refresh(Nanos soon) { refresh_at_ = std::min(refresh_at_, soon); }

void SentinelRouter::FollowQueries(Nanos now) {
  if (!sentinels_.running() && !role_.running()) {
    if (now < refresh_at_) return;
    refresh_at_ = kNever;
    std::vector<Endpoint> sentinels = set_.servers;
    std::ranges::shuffle(sentinels, random_);
    sentinels_.Start(std::move(sentinels), {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", set_.master},
                     now);
  }
  if (sentinels_.running()) {
    while (const auto answer = sentinels_.Advance(now)) {
      if (answer->no_password && warned_.insert(answer->from).second) {
        Warn(answer->from, NoPasswordWarning());
      }
      AskForRole(*answer, now);
    }
    if (!sentinels_.running() && !role_.running()) NoMaster(sentinels_.why(), now);
  }
  if (!role_.running()) return;
  while (const auto answer = role_.Advance(now)) {
    const Reply& reply = answer->reply;
    if (reply.IsArray(1) && reply.items[0].text == "master") {
      role_.Stop();
      return Confirm(answer->from, now);
    }
    role_.Reject(answer->from.Address() + ": the server that the sentinels name is not a master");
  }
  if (!role_.running()) NoMaster(role_.why(), now);
}

void SentinelRouter::AskForRole(const TopologyQuery::Answer& answer, Nanos now) {
  Endpoint named = set_.node;
  if (ReadAddress(answer.reply, named)) {
    sentinels_.Stop();
    return role_.Start({named}, {"ROLE"}, now);
  }
  const bool unknown = answer.reply.kind == Kind::kNil;
  sentinels_.Reject(
      answer.from.Address() + ": the sentinel " +
      (unknown ? "knows no master of that name" : "gave no host and port as the master's address"));
}

void SentinelRouter::Confirm(const Endpoint& master, Nanos now) {
  failures_ = 0;
  lost_.clear();
  Refresh(now + Between(kLeast, kMost));
  if (master_ && master_->endpoint() == master) {
    changed_ = changed_ || !confirmed_;
    confirmed_ = true;
    return;
  }
  if (master_) former_.push_back(std::move(master_));
  ServerSession::Options session = options_.session;
  session.routed = true;
  master_ = AddSession(master, std::move(session), now);
  losses_ = 0;
  confirmed_ = changed_ = true;
  Place(TakeUncalled(), now);
}

void SentinelRouter::NoMaster(const std::string& why, Nanos now) {
  Refresh(now + FullJitter(options_.session.backoff, failures_++, random_));
  if (!master_) {
    lost_ = why;
    FailChecksThatWait(Fault::kUnavailable, why);
  } else if (!confirmed_) {
    master_->OnLost(why, now);
    losses_ = master_->losses();
  }
}

}  // namespace sluice::redis
