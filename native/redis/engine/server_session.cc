// Connecting, timers and sending.
#include "redis/server_session.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <utility>

#include "redis/error_reply.h"
#include "redis/greeting.h"

namespace sluice::redis {
namespace {

// A connection that ends sooner after it was ready counts as one that could not be made.
constexpr Nanos kSettled = std::chrono::seconds(1);

Pipeline::Transport TransportOf(const ServerSession::Options& options) {
  return {.in_order = true,
          .command_per_slot = options.by_slot,
          .address = options.routed ? options.endpoint.Address() + ": " : ""};
}

}  // namespace

ServerSession::ServerSession(Options options, std::uint64_t seed, Nanos now)
    : Protocol(options.endpoint),
      options_(std::move(options)),
      random_(seed),
      state_until_(now),
      pipeline_(options_.pipeline, TransportOf(options_), random_, *this),
      health_(!options_.routed),  // a router follows the roles by itself
      metadata_(options_.metadata) {
  Connect(now);
}

// ---- Connecting

void ServerSession::Connect(Nanos now) {
  state_ = State::kConnecting;
  state_until_ = now + options_.connect_timeout;
  wanted_ = ++attempts_;
  stage_.clear();
}

void ServerSession::OnConnected(Nanos now) {
  NoteDriven();
  if (state_ != State::kConnecting) return;
  state_ = State::kGreeting;
  loads_ = takes_sha_ = true;
  refusal_.clear();
  no_password_ = false;
  // A server that wants authentication says so in answer to PING. The script is longer than such a
  // server reads from an unauthenticated client.
  const bool auth = NeedsAuth(endpoint_, password_);
  SendOwn(auth ? Sent::Kind::kAuth : Sent::Kind::kPing, now);
  if (endpoint_.database != 0) SendOwn(Sent::Kind::kSelect, now);
  SendOwn(Sent::Kind::kLoad, now);
}

void ServerSession::Lose(Fault fault, std::string_view why, Nanos now) {
  NoteDriven();
  if (state_ == State::kWaiting) return;
  ++losses_;
  const bool was_ready = state_ == State::kReady;
  may_check_health_ = std::ranges::none_of(sent_, &Sent::optional);
  health_.Stop();
  const std::uint64_t unwritten = FirstUnwritten();
  sent_.clear();
  const bool missed = pipeline_.OnAllLost(unwritten, why, now);
  out_.clear();
  out_start_ = 0;
  queued_bytes_ = written_bytes_ = 0;
  loading_ = false;
  not_asking_.clear();
  const bool leaving = !std::exchange(leaving_, {}).empty();
  reader_.Reset();
  wanted_ = 0;

  state_ = State::kWaiting;
  // A connection that worked is replaced at once. One that never answered a batch, or soon broke
  // off, is replaced at once only the first time. A connection to the wrong server is never
  // replaced at once.
  if (pipeline_.TakeAnswered() && now >= ready_at_ + kSettled) failures_ = 0;
  const bool at_once = was_ready && failures_ == 0 && !leaving;
  const unsigned failures = failures_++;
  if (at_once) {
    if (missed || !pipeline_.closed()) pipeline_.OnConnectionLost(why, now);
    return Connect(now);
  }
  state_until_ = now + FullJitter(options_.backoff, failures, random_);
  pipeline_.Trip(fault, why, now);
}

// The pipeline's first command whose last byte was not passed to the system.
std::uint64_t ServerSession::FirstUnwritten() const {
  const auto at = std::ranges::find_if(
      sent_, [this](const Sent& sent) { return sent.id != 0 && sent.end > written_bytes_; });
  return at == sent_.end() ? std::numeric_limits<std::uint64_t>::max() : at->id;
}

void ServerSession::Close() {
  NoteDriven();
  pipeline_.Close();
  sent_.clear();
  state_ = State::kWaiting;
  wanted_ = 0;
}

SessionStats ServerSession::stats() const {
  SessionStats stats = pipeline_.stats();
  stats.connected = state_ == State::kReady;
  stats.reconnects = reconnects_;
  stats.script_reloads = script_reloads_;
  return stats;
}

// ---- Time

Nanos ServerSession::NextTime() const {
  Nanos next = pipeline_.NextTime();
  if (state_ != State::kReady) {
    next = std::min(next, state_until_);
  } else if (OwesReply() && pipeline_.requests_waiting() == 0) {
    next = std::min(next, quiet_since_ + options_.silence);
  }
  if (MayPublish()) next = std::min(next, metadata_.NextTime());
  return next;
}

void ServerSession::OnTime(Nanos now) {
  NoteDriven();
  const Nanos due = NextTime();
  if (due < now - Pipeline::kFrozen) {
    // This process stood still: give the server that time.
    quiet_since_ = std::max(quiet_since_, now);
    if (state_ == State::kConnecting || state_ == State::kGreeting) {
      state_until_ = std::max(state_until_, now + options_.connect_timeout);
    }
  }
  pipeline_.OnTime(now, due);
  switch (state_) {
    case State::kWaiting:
      if (now >= state_until_) Connect(now);
      break;
    case State::kConnecting:
      if (now >= state_until_) {
        Lose(Fault::kUnavailable, WithStage("connecting took too long"), now);
      }
      break;
    case State::kGreeting:
      if (now >= state_until_) Lose(Fault::kUnavailable, kUngreeted, now);
      break;
    case State::kReady:
      if (OwesReply() && pipeline_.requests_waiting() == 0 &&
          now >= quiet_since_ + options_.silence) {
        Lose(Fault::kUnavailable, "the server does not answer", now);
      }
      break;
  }
  pipeline_.Pump(now);
  PublishMetadata(now);
}

// If a server cannot be reached, this may be the only error that callers get.
std::string ServerSession::WhyStillQueued() const {
  if (state_ == State::kReady) return Session::WhyStillQueued();
  const std::string why = "not connected before the deadline";
  return state_ == State::kGreeting ? why + ": " + std::string(kUngreeted) : WithStage(why);
}

// Whether a required reply is missing; an optional one counts only if the connection waits to end.
bool ServerSession::OwesReply() const {
  return std::ranges::any_of(
      sent_, [this](const Sent& sent) { return !sent.optional() || !leaving_.empty(); });
}

// ---- Sending

void ServerSession::Send(std::uint64_t id, const Pipeline::Command& command, Nanos now) {
  if (command.requests.front().route.asking) SendOwn(Sent::Kind::kAsking, now);
  if (!OwesReply()) quiet_since_ = now;
  const std::size_t before = out_.size();
  Sent sent{.kind = Sent::Kind::kRequests, .id = id, .at = now};
  if (command.IsReset()) {
    AppendReset(command.requests, out_);
  } else {
    call_.Describe(command.requests);
    if (command.by_text) {
      AppendEval(call_, out_);
    } else {
      AppendEvalSha(sha_, call_, out_);
    }
    sent.most_elements = MostElements(command.requests);
  }
  NoteSent(sent, before);
}

void ServerSession::SendOwn(Sent::Kind kind, Nanos now, InfoCommand info) {
  if (!OwesReply()) quiet_since_ = now;
  const std::size_t before = out_.size();
  switch (kind) {
    case Sent::Kind::kAuth:
      AppendAuth(endpoint_, password_, out_);
      break;
    case Sent::Kind::kPing:
      AppendCommand(std::array<std::string_view, 1>{"PING"}, out_);
      break;
    case Sent::Kind::kSelect:
      AppendCommand(std::array<std::string_view, 2>{"SELECT", std::to_string(endpoint_.database)},
                    out_);
      break;
    case Sent::Kind::kLoad:
      AppendCommand(std::array<std::string_view, 3>{"SCRIPT", "LOAD", ScriptText()}, out_);
      break;
    case Sent::Kind::kAsking:
      AppendCommand(std::array<std::string_view, 1>{"ASKING"}, out_);
      break;
    case Sent::Kind::kInfo:
      AppendInfoCommand(info, out_);
      break;
    case Sent::Kind::kMetadata:
    case Sent::Kind::kRequests:
      break;
  }
  NoteSent({.kind = kind, .at = now, .info = info}, before);
}

void ServerSession::NoteSent(Sent sent, std::size_t out_before) {
  queued_bytes_ += out_.size() - out_before;
  sent.end = queued_bytes_;
  sent_.push_back(sent);
}

void ServerSession::OnWritten(std::size_t count) {
  written_bytes_ += count;
  out_start_ += count;
  // At most half of the buffer has been written: each byte is moved once at most, on average.
  if (out_start_ < out_.size() - out_start_) return;
  out_.erase(0, out_start_);
  out_start_ = 0;
}

// ---- Health and metadata, never before a check

void ServerSession::SendDueInfo(Nanos now) {
  for (const InfoCommand info : health_.TakeDue()) SendOwn(Sent::Kind::kInfo, now, info);
}

void ServerSession::PublishMetadata(Nanos now) {
  NoteDriven();
  const Metadata* const due = MayPublish() ? metadata_.TakeDue(now) : nullptr;
  if (due == nullptr) return;
  const std::size_t before = out_.size();
  AppendCommand(MetadataCommand(*due), out_);
  NoteSent({.kind = Sent::Kind::kMetadata, .at = now}, before);
}

std::vector<Warning> ServerSession::warnings() const {
  std::vector<Warning> all = health_.warnings();
  std::ranges::copy(metadata_.warnings(), std::back_inserter(all));
  return all;
}

std::vector<Warning> ServerSession::TakeWarnings(Nanos wall) {
  std::vector<Warning> news = metadata_.TakeNews();
  std::ranges::move(health_.TakeNews(wall), std::back_inserter(news));
  return news;
}

}  // namespace sluice::redis
