// The link's life: connecting, sending, deadlines, losing a connection.
#include "redis/link.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace sluice::redis {
namespace {

// Even a lucky draw does not make an attempt follow at once.
constexpr Nanos kShortestBackoff = std::chrono::milliseconds(10);
// Timers this late mean that this process did not run.
constexpr Nanos kFrozen = std::chrono::milliseconds(250);

// How long a slot that nobody has use for is tried to be given back; it has a time to live anyway.
constexpr Nanos kGiveBack = std::chrono::seconds(5);

constexpr std::string_view kTooLate = "the deadline passed before the request could be sent";

class NobodySink final : public Sink {
 public:
  void Deliver(std::span<Completion> /*completions*/) override {}
};

// Checks and peeks have a rule for when the server is away; the others wait for it.
bool CanWait(Request::Kind kind) {
  return kind != Request::Kind::kCheck && kind != Request::Kind::kPeek;
}

// Whether doing it twice comes to the same as doing it once.
bool IsIdempotent(Request::Kind kind) {
  switch (kind) {
    case Request::Kind::kReset:
    case Request::Kind::kRelease:
    case Request::Kind::kRenew:
    case Request::Kind::kBlock:
    case Request::Kind::kUnblock:
      return true;
    default:
      return false;
  }
}

}  // namespace

Link::Link(Options options, std::uint64_t seed, Nanos now)
    : options_(std::move(options)),
      random_(seed),
      state_until_(now),
      password_(options_.endpoint.password) {
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
  if (state_ != State::kConnecting) return;
  state_ = State::kGreeting;
  if (!options_.endpoint.user.empty() || !password_.empty()) {
    AddCommand(Command::Kind::kAuth, {}, now);
  } else {
    // A server that wants to know who we are says so to this. The script is longer than what such a
    // one reads of a stranger.
    AddCommand(Command::Kind::kPing, {}, now);
  }
  if (options_.endpoint.database != 0) AddCommand(Command::Kind::kSelect, {}, now);
  AddCommand(Command::Kind::kLoad, {}, now);
}

void Link::OnLost(std::string_view why, Nanos now) { Lose(Fault::kUnavailable, why, now); }

void Link::OnRefused(std::string_view why, Nanos now) { Lose(Fault::kRefused, why, now); }

void Link::Lose(Fault fault, std::string_view why, Nanos now) {
  if (state_ == State::kWaiting) return;
  const bool was_ready = state_ == State::kReady;
  RequeueUnexecuted(why, now);
  out_.clear();
  out_start_ = 0;
  queued_bytes_ = written_bytes_ = 0;
  loading_ = false;
  reader_.Reset();
  wanted_ = 0;

  if (!was_ready) {
    down_ = fault;
    down_why_ = why;
    std::erase_if(queue_, [this](Request& request) {
      if (CanWait(request.kind)) return false;
      Fail(request, down_, down_why_);
      return true;
    });
  }
  // A connection that worked is replaced at once; one that never answered a batch is not.
  const Nanos wait = was_ready && failures_ == 0 ? Nanos{0} : Backoff();
  ++failures_;
  state_ = State::kWaiting;
  state_until_ = now + wait;
  if (wait == Nanos{0}) Connect(now);
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
      if (request.sink && (!executed || IsIdempotent(request.kind))) {
        again.push_back(std::move(request));
        continue;
      }
      if (request.sink) Fail(request, Fault::kUnavailable, why);
      if (executed && MayHoldASlot(request)) unused.push_back(std::move(request));
    }
  }
  under_way_.clear();
  queue_.insert(queue_.begin(), std::make_move_iterator(again.begin()),
                std::make_move_iterator(again.end()));
  for (Request& request : unused) GiveBackSlot(std::move(request), now);
}

// Whether a request that nobody waits for any more is a check that may have taken a slot.
bool Link::MayHoldASlot(const Request& request) {
  return request.kind == Request::Kind::kCheck && request.details != nullptr &&
         !request.details->holder.empty();
}

// Nobody waits for that check any more, so nobody would release what it took.
void Link::GiveBackSlot(Request&& unused, Nanos now) {
  static const auto nobody = std::make_shared<NobodySink>();
  ++stats_.submitted;
  Request release = std::move(unused);
  release.kind = Request::Kind::kRelease;
  release.deadline = now + kGiveBack;
  release.sink = nobody;
  first_deadline_ = std::min(first_deadline_, release.deadline);
  queue_.push_back(std::move(release));
}

// A random part of a span that doubles with each failure. Source: "full jitter" in M. Brooker,
// "Exponential backoff and jitter", AWS Architecture Blog, 2015.
Nanos Link::Backoff() {
  const Nanos span =
      std::min(options_.backoff_most,
               options_.backoff_first * (std::int64_t{1} << std::min(failures_, 20U)));
  const double part = static_cast<double>(random_() >> 11) * 0x1p-53;  // [0, 1)
  const auto wait = static_cast<std::int64_t>(part * static_cast<double>(span.count()));
  return std::max(kShortestBackoff, Nanos{wait});
}

// ---- Sending

void Link::Submit(std::span<Request> requests, Nanos now) {
  stats_.submitted += requests.size();
  for (Request& request : requests) {
    if (down_ != Fault::kNone && !CanWait(request.kind)) {
      Fail(request, down_, down_why_);
      continue;
    }
    if (request.deadline <= now) {
      Fail(request, Fault::kTimeout, kTooLate);
      continue;
    }
    first_deadline_ = std::min(first_deadline_, request.deadline);
    queue_.push_back(std::move(request));
  }
  Pump(now);
}

void Link::Pump(Nanos now) {
  while (state_ == State::kReady && !loading_ && !queue_.empty()) {
    // A batch that is full gains nothing by waiting for the ones under way.
    const bool full = queue_.size() >= options_.max_batch;
    if (BatchesUnderWay() >= (full ? options_.max_full_under_way : options_.max_under_way)) return;
    SendBatch(now);
  }
}

// Sends the front of the queue: requests of one kind of command, and none that is too late.
void Link::SendBatch(Nanos now) {
  const auto is_reset = [](const Request& r) { return r.kind == Request::Kind::kReset; };
  std::vector<Request> batch;
  batch.reserve(std::min(queue_.size(), options_.max_batch));
  while (!queue_.empty() && batch.size() < options_.max_batch) {
    Request& next = queue_.front();
    if (next.deadline <= now) {
      Fail(next, Fault::kTimeout, kTooLate);
    } else if (batch.empty() || is_reset(next) == is_reset(batch.front())) {
      batch.push_back(std::move(next));
    } else {
      break;
    }
    queue_.pop_front();
  }
  if (batch.empty()) return;
  ++stats_.batches;
  stats_.largest_batch = std::max<std::uint64_t>(stats_.largest_batch, batch.size());
  const auto kind = is_reset(batch.front()) ? Command::Kind::kReset : Command::Kind::kChecks;
  AddCommand(kind, std::move(batch), now);
}

void Link::AddCommand(Command::Kind kind, std::vector<Request> requests, Nanos now) {
  const Endpoint& endpoint = options_.endpoint;
  if (under_way_.empty()) quiet_since_ = now;
  const std::size_t before = out_.size();
  switch (kind) {
    case Command::Kind::kAuth:
      if (endpoint.user.empty()) {
        AppendCommand(std::array<std::string_view, 2>{"AUTH", password_}, out_);
      } else {
        AppendCommand(std::array<std::string_view, 3>{"AUTH", endpoint.user, password_}, out_);
      }
      break;
    case Command::Kind::kPing:
      AppendCommand(std::array<std::string_view, 1>{"PING"}, out_);
      break;
    case Command::Kind::kSelect:
      AppendCommand(std::array<std::string_view, 2>{"SELECT", std::to_string(endpoint.database)},
                    out_);
      break;
    case Command::Kind::kLoad:
      AppendCommand(std::array<std::string_view, 3>{"SCRIPT", "LOAD", ScriptText()}, out_);
      break;
    case Command::Kind::kChecks:
      call_.Describe(requests);
      AppendEvalSha(sha_, call_, out_);
      break;
    case Command::Kind::kReset:
      AppendReset(requests, out_);
      break;
  }
  queued_bytes_ += out_.size() - before;
  under_way_.push_back({kind, queued_bytes_, std::move(requests)});
}

void Link::OnWritten(std::size_t count) {
  written_bytes_ += count;
  out_start_ += count;
  if (out_start_ == out_.size()) {
    out_.clear();
    out_start_ = 0;
  }
}

// ---- Time

Nanos Link::NextTime() const {
  Nanos next = first_deadline_;
  if (state_ != State::kReady) {
    next = std::min(next, state_until_);
  } else if (!under_way_.empty() && !AnyoneWaitsForAReply()) {
    next = std::min(next, quiet_since_ + options_.silence);
  }
  return next;
}

void Link::OnTime(Nanos now) {
  const Nanos due = NextTime();
  if (due < now - kFrozen) {
    // This process stood still; give the server the time that it did not have.
    quiet_since_ = std::max(quiet_since_, now);
    if (state_ == State::kConnecting || state_ == State::kGreeting) {
      state_until_ = std::max(state_until_, now + options_.connect_timeout);
    }
  }
  Expire(now);
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
      if (!under_way_.empty() && !AnyoneWaitsForAReply() &&
          now >= quiet_since_ + options_.silence) {
        Lose(Fault::kUnavailable, "the server does not answer", now);
      }
      break;
  }
  Pump(now);
}

// Looks at every request, but only when some deadline may have passed. Requests are answered far
// sooner than their deadlines, so in health that is once per deadline's length, not per request.
void Link::Expire(Nanos now) {
  if (now < first_deadline_) return;
  first_deadline_ = kNever;
  const auto expired = [this, now](Request& request) {
    if (!request.sink) return true;
    if (request.deadline <= now) {
      if (down_ != Fault::kNone) {
        Fail(request, down_, down_why_);
      } else {
        Fail(request, Fault::kTimeout, "no answer before the deadline");
      }
      return true;
    }
    first_deadline_ = std::min(first_deadline_, request.deadline);
    return false;
  };
  // What is under way keeps its place: the reply is matched to it by position.
  for (Command& command : under_way_) std::ranges::for_each(command.requests, expired);
  std::erase_if(resend_, expired);
  std::erase_if(queue_, expired);
}

// ---- Answers to those who asked

void Link::Finish(Request& request, Completion&& completion) {
  ++stats_.completed;
  if (completion.fault == Fault::kTimeout) {
    ++stats_.timeouts;
  } else if (completion.fault != Fault::kNone) {
    ++stats_.faults;
  }
  completion.ticket = request.ticket;
  auto at =
      std::ranges::find(deliveries_.rbegin(), deliveries_.rend(), request.sink, &Delivery::sink);
  if (at == deliveries_.rend()) {
    deliveries_.push_back({std::move(request.sink), {}});
    at = deliveries_.rbegin();
  }
  at->completions.push_back(std::move(completion));
  request.sink.reset();
}

void Link::Fail(Request& request, Fault fault, std::string_view why) {
  Completion completion;
  completion.fault = fault;
  completion.detail = why;
  Finish(request, std::move(completion));
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
  state_ = State::kWaiting;
  wanted_ = 0;
}

std::vector<Link::Delivery> Link::TakeDeliveries() { return std::exchange(deliveries_, {}); }

LinkStats Link::stats() const {
  LinkStats stats = stats_;
  stats.connected = state_ == State::kReady;
  stats.queue_depth = queue_.size() + resend_.size();
  return stats;
}

std::size_t Link::BatchesUnderWay() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      under_way_, [](const Command& command) { return !command.requests.empty(); }));
}

std::size_t Link::RequestsUnderWay() const {
  std::size_t count = 0;
  for (const Command& command : under_way_) count += command.requests.size();
  return count;
}

bool Link::AnyoneWaitsForAReply() const {
  return std::ranges::any_of(under_way_, [](const Command& command) {
    return std::ranges::any_of(command.requests,
                               [](const Request& request) { return request.sink != nullptr; });
  });
}

}  // namespace sluice::redis
