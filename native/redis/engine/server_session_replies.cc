// The server's replies.
#include <algorithm>
#include <cctype>
#include <utility>

#include "redis/error_reply.h"
#include "redis/greeting.h"
#include "redis/server_session.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kScriptRights = "+script|load and +evalsha, or +eval";

bool IsSha1(std::string_view text) {
  return text.size() == 40 && std::ranges::all_of(text, [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

void ServerSession::OnBytes(std::string_view bytes, Nanos now) {
  NoteDriven();
  if (state_ != State::kGreeting && state_ != State::kReady) return;
  const std::string_view broken = state_ == State::kGreeting ? kNoRedis : Pipeline::kNonsense;
  if (!reader_.Feed(bytes)) return Lose(Fault::kProtocol, broken, now);
  // A reply may end this connection; later bytes then do not count.
  const std::uint64_t connection = wanted_;
  Reply reply;
  while (wanted_ == connection) {
    const std::size_t most = sent_.empty() ? kFewElements : sent_.front().most_elements;
    const ReplyReader::Next next = reader_.Take(reply, ReplyBounds::Flat(most));
    if (next == ReplyReader::Next::kMore) break;
    if (next == ReplyReader::Next::kTooLong) return Lose(Fault::kProtocol, kTooLong, now);
    if (next == ReplyReader::Next::kBroken) return Lose(Fault::kProtocol, broken, now);
    OnReply(std::move(reply), now);
  }
  pipeline_.Pump(now);
  SendDueInfo(now);
  PublishMetadata(now);
}

void ServerSession::OnReply(Reply&& reply, Nanos now) {
  if (sent_.empty()) {
    // The server explains why it will hang up, or speaks another protocol.
    const bool error = reply.kind == Reply::Kind::kError;
    return Lose(error ? Fault::kRefused : Fault::kProtocol,
                error ? ErrorText(reply.text) : std::string(Pipeline::kNonsense), now);
  }
  quiet_since_ = now;
  const Sent sent = sent_.front();
  sent_.pop_front();
  const std::uint64_t connection = wanted_;
  OnReplyTo(sent, std::move(reply), now);
  if (!leaving_.empty() && sent_.empty() && wanted_ == connection) {
    Lose(Fault::kServer, std::string(leaving_), now);
  }
}

void ServerSession::OnReplyTo(const Sent& sent, Reply&& reply, Nanos now) {
  switch (sent.kind) {
    case Sent::Kind::kAuth:
    case Sent::Kind::kPing:
    case Sent::Kind::kSelect:
      return OnGreetingReply(sent.kind, reply, now);
    case Sent::Kind::kLoad:
      return OnLoadReply(reply, now);
    case Sent::Kind::kAsking:
      // The requests behind it then go back to the node that redirected them here.
      if (reply.kind == Reply::Kind::kError) not_asking_ = ErrorText(reply.text);
      return;
    case Sent::Kind::kRequests:
      return OnRequestsReply(sent, reply, now);
    case Sent::Kind::kInfo:
      return health_.OnReply(sent.info, std::move(reply), sent.at, now);
    case Sent::Kind::kMetadata:
      return metadata_.OnReply(reply, Reply::Kind::kStatus);
  }
}

void ServerSession::OnGreetingReply(Sent::Kind kind, const Reply& reply, Nanos now) {
  if (reply.kind == Reply::Kind::kError) {
    // A user without the right to ping may still run scripts.
    if (kind == Sent::Kind::kPing && RefusesCommand(reply.text, "ping")) return;
    const bool auth = kind == Sent::Kind::kAuth;
    if (auth && AsksForNoPassword(reply.text)) {
      no_password_ = true;
      return;
    }
    return Lose(Fault::kRefused, auth ? AuthErrorText(reply.text) : ErrorText(reply.text), now);
  }
  if (reply.kind != Reply::Kind::kStatus) Lose(Fault::kProtocol, Pipeline::kNonsense, now);
}

void ServerSession::OnLoadReply(const Reply& reply, Nanos now) {
  if (reply.kind == Reply::Kind::kError) {
    const std::string_view code = ErrorCode(reply.text);
    if (code != "ERR" && code != "NOPERM") {
      return Lose(Fault::kRefused, ErrorText(reply.text), now);
    }
    loads_ = false;
    refusal_ = ErrorText(reply.text);
    sha_ = ScriptSha();
  } else if (reply.kind == Reply::Kind::kText && IsSha1(reply.text)) {
    sha_ = reply.text;
  } else {
    return Lose(Fault::kProtocol, Pipeline::kNonsense, now);
  }
  if (state_ == State::kGreeting) {
    state_ = State::kReady;
    ready_at_ = now;
    pipeline_.OnSignOfLife(now);
    if (std::exchange(was_ready_, true)) ++reconnects_;
    if (options_.checks_health && may_check_health_) health_.Begin(no_password_);
    metadata_.Restart(now);
    if (!may_check_health_) metadata_.Skip();
  }
  loading_ = false;
  pipeline_.Resume();
}

void ServerSession::OnRequestsReply(const Sent& sent, const Reply& reply, Nanos now) {
  const std::string why = std::exchange(not_asking_, {});
  if (!why.empty() && reply.kind == Reply::Kind::kError && ReadRedirect(reply.text)) {
    return pipeline_.FailCommand(sent.id, Fault::kServer, why, now);
  }
  pipeline_.OnReply(sent.id, reply, now);
}

// ---- The pipeline's questions about replies

Pipeline::ScriptStep ServerSession::OnUnknownScript(std::string_view error, bool refused,
                                                    Nanos now) {
  if (refused) {
    if (std::exchange(takes_sha_, false) && loads_) refusal_ = ErrorText(error);
    return Pipeline::ScriptStep::kSendText;
  }
  if (!loads_) {
    ++script_reloads_;
    return Pipeline::ScriptStep::kSendText;
  }
  if (!std::exchange(loading_, true)) {
    ++script_reloads_;
    SendOwn(Sent::Kind::kLoad, now);
  }
  return Pipeline::ScriptStep::kHold;
}

Pipeline::Advice ServerSession::AdviceOn(const Pipeline::Command& command,
                                         std::string_view error) const {
  // This server can execute none of our scripts.
  if (command.by_text && RefusesCommand(error, "eval")) {
    return {Remedy::kReconnect, NoScriptsText(refusal_, error, kScriptRights)};
  }
  std::string why = ErrorText(error);
  if (options_.routed) {
    return {ReadRedirect(error) ? Remedy::kRedirect : RemedyOf(error), std::move(why)};
  }
  // For users who connect to a cluster as if it were one server.
  const std::string_view code = ErrorCode(error);
  if (code == "MOVED" || code == "ASK" || code == "CROSSSLOT") {
    why += " (the server is a node of a cluster: give cluster: true)";
  }
  return {RemedyOf(error), std::move(why)};
}

void ServerSession::OnRefused(const Pipeline::Command& command, const Pipeline::Refusal& refusal,
                              Nanos now) {
  const auto& [remedy, why] = refusal.advice;
  const bool redirected = remedy == Remedy::kRedirect;
  if (redirected) pipeline_.OnAnswered(command, now);
  if (options_.routed) {
    const auto redirect = redirected ? ReadRedirect(refusal.error) : std::nullopt;
    for (Request& request : refusal.requests) {
      if (!request.sink) continue;
      pipeline_.Withdraw(1);
      returned_.push_back({std::move(request), why, redirect, redirected && refusal.single});
    }
    if (!redirected) pipeline_.Trip(Fault::kServer, why, now);
  } else {
    pipeline_.RetryLater(command, refusal, now);
  }
  // First waits for the other replies in flight.
  if (remedy == Remedy::kReconnect) leaving_ = why;
}

// Replies may no longer match their commands, so later ones cannot be trusted.
void ServerSession::OnNonsense(const Pipeline::Command& /*command*/, Nanos now) {
  Lose(Fault::kProtocol, Pipeline::kNonsense, now);
}

}  // namespace sluice::redis
