// The link's life: connecting, time, losing a connection.
#include "redis/link.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "redis/greeting.h"
#include "redis/request_rules.h"

namespace sluice::redis {
namespace {

// Timers this late mean that this process did not run.
constexpr Nanos kFrozen = std::chrono::milliseconds(250);

// A connection that ends sooner after it was ready is no better than one that could not be made.
constexpr Nanos kSettled = std::chrono::seconds(1);

}  // namespace

Link::Link(Options options, std::uint64_t seed, Nanos now)
    : options_(std::move(options)),
      now_(now),
      random_(seed),
      state_until_(now),
      password_(options_.endpoint.password),
      breaker_(options_.breaker, random_),
      notices_(options_.notices) {
  Connect(now);
}

// ---- Connecting

void Link::Connect(Nanos now) {
  state_ = State::kConnecting;
  state_until_ = now + options_.connect_timeout;
  wanted_ = ++attempts_;
  stage_.clear();
}

void Link::OnStage(std::string_view stage) { stage_ = stage; }

void Link::SetPassword(std::string password) { password_ = std::move(password); }

void Link::OnConnected(Nanos now) {
  now_ = now;
  if (state_ != State::kConnecting) return;
  state_ = State::kGreeting;
  loads_ = takes_sha_ = true;
  refusal_.clear();
  no_password_ = false;
  if (NeedsAuth(options_.endpoint, password_)) {
    AddCommand(Command::Kind::kAuth, {}, now);
  } else {
    // A server that wants to know who we are says so to this. The script is longer than what such a
    // one reads of a stranger.
    AddCommand(Command::Kind::kPing, {}, now);
  }
  if (options_.endpoint.database != 0) AddCommand(Command::Kind::kSelect, {}, now);
  AddCommand(Command::Kind::kLoad, {}, now);
}

void Link::OnLost(std::string_view why, Nanos now) {
  now_ = now;
  Lose(Fault::kUnavailable, why, now);
}

void Link::OnRefused(std::string_view why, Nanos now) {
  now_ = now;
  Lose(Fault::kRefused, why, now);
}

void Link::Lose(Fault fault, std::string_view why, Nanos now) {
  if (state_ == State::kWaiting) return;
  ++losses_;
  const bool was_ready = state_ == State::kReady;
  const bool unanswered = std::ranges::any_of(under_way_, [this](const Command& command) {
    return !command.requests.empty() && !command.overdue && command.end <= written_bytes_;
  });
  may_examine_ = !IsExamining();
  examination_due_ = false;
  RequeueUnexecuted(why, now);
  out_.clear();
  out_start_ = 0;
  queued_bytes_ = written_bytes_ = 0;
  answered_ = 0;
  loading_ = false;
  not_asking_.clear();
  const bool leaving = !std::exchange(leaving_, {}).empty();
  reader_.Reset();
  wanted_ = 0;

  pace_.Reset();
  state_ = State::kWaiting;
  // A connection that worked is replaced at once. One that never answered a batch, or soon broke
  // off, is replaced at once the first time alone, one to the wrong server never: nobody waits for
  // these.
  if (std::exchange(worked_, false) && now >= ready_at_ + kSettled) failures_ = 0;
  const bool at_once = was_ready && failures_ == 0 && !leaving;
  const unsigned failures = failures_++;
  if (at_once) {
    if (unanswered || !breaker_.closed()) NoteFailure(why, now);
    return Connect(now);
  }
  state_until_ = now + FullJitter(options_.backoff, failures, random_);
  Trip(fault, why, now);
}

// Puts what the server cannot have executed, or may well execute twice, back in front of the queue,
// in order, and fails the rest of what is under way.
void Link::RequeueUnexecuted(std::string_view why, Nanos now) {
  std::vector<Request> again = std::move(resend_);
  resend_.clear();
  std::vector<Request> unused;
  for (Command& command : under_way_) {
    const bool executed = command.end <= written_bytes_;
    for (Request& request : command.requests) {
      if (request.sink && (!executed || CanRepeat(request))) {
        // What it took goes back first, as it may not be sent again in time: else it takes a slot
        // again (scripts/ids.lua).
        if (executed && MayHoldASlot(request)) again.push_back(GiveBack(request, now));
        ++stats_.retries;
        again.push_back(std::move(request));
        continue;
      }
      if (request.sink) Fail(request, Fault::kUnavailable, why);
      if (executed && MayHoldASlot(request)) unused.push_back(GiveBack(std::move(request), now));
    }
  }
  under_way_.clear();
  requests_under_way_ = waiting_ = 0;
  queue_.insert(queue_.begin(), std::make_move_iterator(again.begin()),
                std::make_move_iterator(again.end()));
  std::ranges::move(unused, std::back_inserter(queue_));
}

Request Link::GiveBack(Request check, Nanos now) {
  ++stats_.submitted;
  Request release = ReleaseOf(std::move(check), now);
  first_deadline_ = std::min(first_deadline_, release.deadline);
  return release;
}

// ---- Time

Nanos Link::NextTime() const {
  Nanos next = first_deadline_;
  if (state_ != State::kReady) {
    next = std::min(next, state_until_);
  } else if (OwesReply() && waiting_ == 0) {
    next = std::min(next, quiet_since_ + options_.silence);
  }
  next = std::min(next, breaker_.NextTime());
  if (MayPutUp()) next = std::min(next, notices_.NextTime());
  if (state_ == State::kReady && !loading_ && leaving_.empty() && !queue_.empty()) {
    next = std::min(next, breaker_.NextProbe());
  }
  return next;
}

void Link::OnTime(Nanos now) {
  now_ = now;
  const Nanos due = NextTime();
  if (due < now - kFrozen) {
    // This process stood still; give the server the time that it did not have.
    quiet_since_ = std::max(quiet_since_, now);
    if (state_ == State::kConnecting || state_ == State::kGreeting) {
      state_until_ = std::max(state_until_, now + options_.connect_timeout);
    }
    breaker_.Forgive(now);
  }
  Expire(now, due < now - kLate);
  breaker_.OnTime(now);
  switch (state_) {
    case State::kWaiting:
      if (now >= state_until_) Connect(now);
      break;
    case State::kConnecting:
      if (now >= state_until_) {
        const std::string why = "connecting took too long";
        Lose(Fault::kUnavailable, stage_.empty() ? why : why + ": " + stage_, now);
      }
      break;
    case State::kGreeting:
      if (now >= state_until_) {
        Lose(Fault::kUnavailable, "the server accepted the connection but did not answer", now);
      }
      break;
    case State::kReady:
      if (OwesReply() && waiting_ == 0 && now >= quiet_since_ + options_.silence) {
        Lose(Fault::kUnavailable, "the server does not answer", now);
      }
      break;
  }
  Pump(now);
  PutUpNotices(now);
}

// ---- Answers to those who asked

void Link::Finish(Request& request, Completion&& completion) {
  CountCompleted(completion.fault, stats_);
  if (!CanWait(request.kind)) latency_.Record(now_ - request.asked);
  // Most batches are of one sink.
  outbox_.Put(request, std::move(completion), options_.max_batch);
}

void Link::Fail(Request& request, Fault fault, std::string_view why) {
  Completion completion;
  completion.fault = fault;
  completion.detail = Placed(why);
  Finish(request, std::move(completion));
}

// A router's callers know many servers and not which one they asked.
std::string Link::Placed(std::string_view why) const {
  const std::string address = options_.routed ? options_.endpoint.Address() + ": " : "";
  return why.starts_with(address) ? std::string(why) : address + std::string(why);
}

void Link::Close() {
  constexpr std::string_view kWhy = "the client was closed";
  for (Request& request : resend_) Fail(request, Fault::kClosed, kWhy);
  for (Request& request : queue_) Fail(request, Fault::kClosed, kWhy);
  for (Command& command : under_way_) {
    for (Request& request : command.requests) {
      if (request.sink) Fail(request, Fault::kClosed, kWhy);
    }
  }
  resend_.clear();
  queue_.clear();
  under_way_.clear();
  requests_under_way_ = waiting_ = 0;
  state_ = State::kWaiting;
  wanted_ = 0;
}

LinkStats Link::stats() const {
  LinkStats stats = stats_;
  stats.connected = state_ == State::kReady;
  stats.breaker = breaker_.state();
  stats.breaker_openings = breaker_.opened();
  stats.queue_depth = queue_.size() + resend_.size();
  return stats;
}

// Batches are numbered in the order in which their commands are sent and answered. Few commands
// without requests follow each other.
std::size_t Link::BatchesUnderWay() const {
  const auto first =
      std::ranges::find_if(under_way_, [](const Command& command) { return command.batch != 0; });
  return first == under_way_.end() ? 0 : batches_ - first->batch + 1;
}

}  // namespace sluice::redis
