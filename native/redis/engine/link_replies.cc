// What the link makes of the server's replies.
#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "redis/greeting.h"
#include "redis/link.h"
#include "redis/redirect.h"
#include "redis/request_rules.h"
#include "redis/slot.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kNonsense = "the server's answer made no sense";
constexpr std::string_view kScriptRights = "+script|load and +evalsha, or +eval";
constexpr std::string_view kTooLong = "the server's reply is longer than one to its command can be";
constexpr std::string_view kOtherProtocol =
    "what the server speaks at this port is not Redis' protocol";

bool IsSha1(std::string_view text) {
  return text.size() == 40 && std::ranges::all_of(text, [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

void Link::OnBytes(std::string_view bytes, Nanos now) {
  now_ = now;
  if (state_ != State::kGreeting && state_ != State::kReady) return;
  const std::string_view broken = state_ == State::kGreeting ? kOtherProtocol : kNonsense;
  if (!reader_.Feed(bytes)) return Lose(Fault::kProtocol, broken, now);
  // A reply may end this connection; nothing that followed it counts then.
  const std::uint64_t connection = wanted_;
  Reply reply;
  while (wanted_ == connection) {
    const std::size_t most = under_way_.empty() ? kFewElements : under_way_.front().most_elements;
    const ReplyReader::Next next = reader_.Take(reply, most);
    if (next == ReplyReader::Next::kMore) break;
    if (next == ReplyReader::Next::kTooLong) return Lose(Fault::kProtocol, kTooLong, now);
    if (next == ReplyReader::Next::kBroken) return Lose(Fault::kProtocol, broken, now);
    OnReply(std::move(reply), now);
  }
  Pump(now);
  Examine(now);
  PutUpNotices(now);
}

// For people who connect to a cluster as if it were one server.
std::string Link::Explain(std::string_view error) const {
  const std::string_view code = ErrorCode(error);
  const bool cluster = code == "MOVED" || code == "ASK" || code == "CROSSSLOT";
  std::string text = ErrorText(error);
  if (!cluster || options_.routed) return text;
  return text + " (the server is a node of a cluster: give cluster: true)";
}

// Only a router knows of other nodes.
Remedy Link::RemedyHere(std::string_view error) const {
  return options_.routed && ReadRedirect(error) ? Remedy::kRedirect : RemedyOf(error);
}

void Link::OnReply(Reply&& reply, Nanos now) {
  if (under_way_.empty()) {
    // Nobody asked: the server says why it is about to hang up, or speaks another protocol.
    const bool error = reply.kind == Reply::Kind::kError;
    return Lose(error ? Fault::kRefused : Fault::kProtocol,
                error ? ErrorText(reply.text) : std::string(kNonsense), now);
  }
  quiet_since_ = now;
  Command command = std::move(under_way_.front());
  under_way_.pop_front();
  requests_under_way_ -= command.requests.size();
  waiting_ -= command.waiting;
  const std::uint64_t connection = wanted_;
  Answered(command, std::move(reply), now);
  if (!leaving_.empty() && under_way_.empty() && wanted_ == connection) {
    Lose(Fault::kServer, std::string(leaving_), now);
  }
}

void Link::Answered(Command& command, Reply&& reply, Nanos now) {
  if (command.batch != 0) {
    answered_ += command.requests.size();
    const bool last = under_way_.empty() || under_way_.front().batch != command.batch;
    if (last) {
      // Whoever looks so late did not see when it came.
      if (now - kLate > first_deadline_) pace_.Skip();
      pace_.OnReply(command.sent, std::exchange(answered_, 0), now);
    }
  }
  if (!not_asking_.empty()) {
    const std::string why = std::exchange(not_asking_, {});
    if (reply.kind == Reply::Kind::kError && ReadRedirect(reply.text)) {
      NoteReply(command, now);
      for (Request& request : command.requests) {
        if (request.sink) Fail(request, Fault::kServer, why);
      }
      return;
    }
  }
  switch (command.kind) {
    case Command::Kind::kAuth:
    case Command::Kind::kPing:
    case Command::Kind::kSelect:
      return OnGreetingReply(command.kind, reply, now);
    case Command::Kind::kLoad:
      return OnLoadReply(reply, now);
    case Command::Kind::kAsking:
      // What comes with it is then sent back to the node that sent it here.
      if (reply.kind == Reply::Kind::kError) not_asking_ = ErrorText(reply.text);
      return;
    case Command::Kind::kChecks:
    case Command::Kind::kChecksByText:
      return OnChecksReply(command, reply, now);
    case Command::Kind::kReset:
      return OnResetReply(command, reply, now);
    case Command::Kind::kQuestion:
      return OnQuestionReply(command, std::move(reply), now);
    case Command::Kind::kNotice:
      return OnNoticeReply(reply);
  }
}

void Link::OnGreetingReply(Command::Kind kind, const Reply& reply, Nanos now) {
  if (reply.kind == Reply::Kind::kError) {
    // Whoever may not ping may still run scripts.
    if (kind == Command::Kind::kPing && RefusesCommand(reply.text, "ping")) return;
    const bool auth = kind == Command::Kind::kAuth;
    if (auth && AsksForNoPassword(reply.text)) {
      no_password_ = true;
      return;
    }
    return Lose(Fault::kRefused, auth ? AuthErrorText(reply.text) : ErrorText(reply.text), now);
  }
  if (reply.kind != Reply::Kind::kStatus) Lose(Fault::kProtocol, kNonsense, now);
}

void Link::OnLoadReply(const Reply& reply, Nanos now) {
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
    return Lose(Fault::kProtocol, kNonsense, now);
  }
  if (state_ == State::kGreeting) {
    state_ = State::kReady;
    ready_at_ = now;
    breaker_.OnSignOfLife(now);
    if (std::exchange(was_ready_, true)) ++stats_.reconnects;
    examination_due_ = options_.examines && may_examine_;
    notices_.Begin(now);
    if (!may_examine_) notices_.OnAnswer(true);
  }
  loading_ = false;
  queue_.insert(queue_.begin(), std::make_move_iterator(resend_.begin()),
                std::make_move_iterator(resend_.end()));
  resend_.clear();
}

void Link::OnChecksError(Command& command, std::string_view error, Nanos now) {
  if (command.kind == Command::Kind::kChecksByText) {
    // Nothing of ours can be executed here.
    if (RefusesCommand(error, "eval")) {
      return AskAgain(command.requests, NoScriptsText(refusal_, error, kScriptRights),
                      Remedy::kReconnect, now);
    }
  } else if (RefusesCommand(error, "evalsha")) {
    if (std::exchange(takes_sha_, false) && loads_) refusal_ = ErrorText(error);
    return SendByText(command, now);
  } else if (error.starts_with("NOSCRIPT") && !loads_) {
    ++stats_.script_reloads;
    return SendByText(command, now);
  } else if (error.starts_with("NOSCRIPT")) {
    for (Request& request : command.requests) {
      if (!request.sink) continue;
      ++stats_.retries;
      resend_.push_back(std::move(request));
    }
    breaker_.OnProbeReturned(now);
    if (!std::exchange(loading_, true)) {
      ++stats_.script_reloads;
      AddCommand(Command::Kind::kLoad, {}, now);
    }
    return;
  }
  const std::string why = Explain(error);
  const Remedy remedy = RemedyHere(error);
  if (remedy == Remedy::kRedirect) {
    NoteReply(command, now);
    return Return(command.requests, error, command.requests.size() == 1);
  }
  if (remedy != Remedy::kGiveUp) return AskAgain(command.requests, why, remedy, now);
  NoteReply(command, now);
  const bool apart = ErrorCode(error) == "CROSSSLOT";
  for (Request& request : command.requests) {
    if (!request.sink) continue;
    Fail(request, apart && !SlotOf(request) ? Fault::kCrossSlot : Fault::kServer, why);
  }
}

void Link::OnChecksReply(Command& command, const Reply& reply, Nanos now) {
  if (reply.kind == Reply::Kind::kError) return OnChecksError(command, reply.text, now);
  std::vector<Completion> completions(command.requests.size());
  if (!ReadReply(reply, command.requests, completions)) {
    for (Request& request : command.requests) {
      if (request.sink) Fail(request, Fault::kProtocol, kNonsense);
    }
    // Replies may have come apart from their commands; the ones to come cannot be trusted.
    return Lose(Fault::kProtocol, kNonsense, now);
  }
  // The script says it of the checks that could not be executed.
  const Remedy remedy = RemedyHere(reply.text);
  std::vector<Request> refused;
  for (std::size_t i = 0; i < completions.size(); ++i) {
    Request& request = command.requests[i];
    if (completions[i].fault == Fault::kServer && remedy != Remedy::kGiveUp) {
      refused.push_back(std::move(request));
      continue;
    }
    if (request.sink) {
      if (!completions[i].detail.empty()) completions[i].detail = Placed(completions[i].detail);
      Finish(request, std::move(completions[i]));
    } else if (MayHoldASlot(request) && completions[i].fault == Fault::kNone) {
      queue_.push_back(GiveBack(std::move(request), now));
    }
  }
  if (refused.empty() || remedy == Remedy::kRedirect) NoteReply(command, now);
  if (refused.empty()) return;
  if (remedy == Remedy::kRedirect) return Return(refused, reply.text, completions.size() == 1);
  AskAgain(refused, ErrorText(reply.text), remedy, now);
}

void Link::OnResetReply(Command& command, const Reply& reply, Nanos now) {
  const bool done = reply.kind == Reply::Kind::kInteger;
  const bool error = reply.kind == Reply::Kind::kError;
  if (error) {
    const Remedy remedy = RemedyHere(reply.text);
    if (remedy == Remedy::kRedirect) {
      NoteReply(command, now);
      return Return(command.requests, reply.text, command.requests.size() == 1);
    }
    if (remedy != Remedy::kGiveUp) {
      return AskAgain(command.requests, ErrorText(reply.text), remedy, now);
    }
  }
  if (done || error) NoteReply(command, now);
  for (Request& request : command.requests) {
    if (!request.sink) continue;
    if (done) {
      Finish(request, {});
    } else if (error) {
      Fail(request, Fault::kServer, Explain(reply.text));
    } else {
      Fail(request, Fault::kProtocol, kNonsense);
    }
  }
  if (!done && !error) Lose(Fault::kProtocol, kNonsense, now);
}

}  // namespace sluice::redis
