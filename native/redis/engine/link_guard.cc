// What a link does so that nobody waits in vain: deadlines, the breaker's part, and who is not even
// queued.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "redis/link.h"
#include "redis/request_rules.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kUnanswered = "no answer before the deadline";
constexpr std::string_view kUnconnected = "not connected before the deadline";
constexpr std::string_view kUngreeted = "the server accepted the connection but did not answer";
constexpr std::string_view kSilent = "the server did not answer in time, several times in a row";
constexpr std::string_view kTooMuch = "more is asked of the server than it answers in time";

}  // namespace

// Takes the request over if it is not to wait in the queue: it fails, or is the breaker's probe.
bool Link::Divert(Request& request, Nanos now) {
  if (CanWait(request.kind)) return false;
  if (breaker_.closed()) {
    if (!WouldBeLate(request.deadline, now)) return false;
    Fail(request, Fault::kOverload, kTooMuch);
    return true;
  }
  if (!MayProbe(now)) {
    Fail(request, breaker_.fault(), breaker_.why());
    return true;
  }
  // A check knows sooner than the others how the server is.
  first_deadline_ = std::min(first_deadline_, request.deadline);
  queue_.push_front(std::move(request));
  Pump(now);
  return true;
}

// Whether what joins the queue now will be answered too late.
bool Link::WouldBeLate(Nanos deadline, Nanos now) const {
  // What leaves at once shows how long it takes.
  if (state_ != State::kReady || BatchesUnderWay() < options_.max_under_way) return false;
  return IsLate(deadline, RequestsUnderWay() + queue_.size() + 1, now);
}

// By the pace of late, and an eighth more: what is answered a little too late was asked in vain.
bool Link::IsLate(Nanos deadline, std::size_t ahead, Nanos now) const {
  const Nanos expected = pace_.For(ahead);
  return deadline < now + expected + expected / 8;
}

bool Link::MayProbe(Nanos now) const {
  return state_ == State::kReady && !loading_ && leaving_.empty() && breaker_.MayProbe(now);
}

void Link::FailChecksThatWait() {
  const auto fails = [this](Request& request) {
    if (CanWait(request.kind)) return false;
    Fail(request, breaker_.fault(), breaker_.why());
    return true;
  };
  std::erase_if(resend_, fails);
  std::erase_if(queue_, fails);
}

void Link::Trip(Fault fault, std::string_view why, Nanos now) {
  breaker_.Trip(fault, why, now);
  FailChecksThatWait();
}

void Link::NoteFailure(std::string_view why, Nanos now) {
  breaker_.OnFailure(Fault::kUnavailable, why, now);
  if (!breaker_.closed()) FailChecksThatWait();
}

// A command was answered by something that is no cry for help.
void Link::NoteReply(const Command& command, Nanos now) {
  worked_ = true;
  if (command.overdue) {
    breaker_.OnSignOfLife(now);
  } else {
    breaker_.OnSuccess();
  }
}

// Looks at every request, but only when some deadline may have passed. Requests are answered far
// sooner than their deadlines, so in health that is once per deadline's length, not per request.
void Link::Expire(Nanos now, bool late) {
  if (now < first_deadline_) return;
  first_deadline_ = kNever;
  bool check_expired = false;
  std::string_view why = kUnanswered;
  std::string unconnected;
  if (state_ != State::kReady) {
    // Of a server that is not there, this may be all that anybody is told.
    const std::string_view stage = state_ == State::kGreeting ? kUngreeted : stage_;
    unconnected = kUnconnected;
    if (!stage.empty()) unconnected.append(": ").append(stage);
    why = unconnected;
  }
  const auto expired = [this, now, why, &check_expired](Request& request, bool written) {
    if (!request.sink) return true;
    if (request.deadline > now) {
      first_deadline_ = std::min(first_deadline_, request.deadline);
      return false;
    }
    if (!written) check_expired = check_expired || !CanWait(request.kind);
    if (written || breaker_.closed()) {
      Fail(request, Fault::kTimeout, why);
    } else {
      Fail(request, breaker_.fault(), breaker_.why());
    }
    return true;
  };
  // What is under way keeps its place: the reply is matched to it by position.
  for (Command& command : under_way_) {
    for (Request& request : command.requests) {
      if (!request.sink || !expired(request, true)) continue;
      --command.waiting;
      --waiting_;
    }
  }
  const auto waited_too_long = [&expired](Request& request) { return expired(request, false); };
  std::erase_if(resend_, waited_too_long);
  std::erase_if(queue_, waited_too_long);
  NoteOverdue(check_expired, late, now);
}

// Tells the breaker of batches with a command all of whose checks have expired, of each once, and
// of checks that expired before they could be sent. `late`: this process looked too late for it to
// mean anything.
void Link::NoteOverdue(bool queued_expired, bool late, Nanos now) {
  unsigned missed = 0;
  bool some_wait = false;  // for a reply that may still come in time
  for (Command& command : under_way_) {
    if (command.overdue) continue;
    bool any = false;
    bool waits = false;
    for (const Request& request : command.requests) {
      if (CanWait(request.kind)) continue;
      any = true;
      waits = waits || request.sink != nullptr;
    }
    some_wait = some_wait || waits;
    command.overdue = any && !waits;
    if (!command.overdue || command.batch <= missed_) continue;
    missed_ = command.batch;
    ++missed;
  }
  if (missed == 0 && queued_expired && !some_wait) missed = 1;
  if (late) {
    pace_.Skip();
    if (missed > 0) breaker_.OnProbeReturned(now);
    return;
  }
  for (; missed > 0; --missed) NoteFailure(kSilent, now);
}

// The server refused to execute these, and would refuse what follows.
void Link::AskAgain(std::span<Request> requests, std::string_view why, Remedy remedy, Nanos now) {
  if (options_.routed) {
    HandBack(requests, why, std::nullopt, false);
  } else {
    std::vector<Request> again;
    for (Request& request : requests) {
      if (!request.sink) continue;
      if (CanWait(request.kind)) {
        again.push_back(std::move(request));
      } else {
        Fail(request, Fault::kServer, why);
      }
    }
    stats_.retries += again.size();
    queue_.insert(queue_.begin(), std::make_move_iterator(again.begin()),
                  std::make_move_iterator(again.end()));
  }
  Trip(Fault::kServer, why, now);
  // What else is under way is answered first.
  if (remedy == Remedy::kReconnect) leaving_ = why;
}

// Hands what the server redirected to the router. `error`: the reply's whole text. `lone`: it was
// about one request.
void Link::Return(std::span<Request> requests, std::string_view error, bool lone) {
  HandBack(requests, ErrorText(error), ReadRedirect(error), lone);
}

void Link::HandBack(std::span<Request> requests, std::string_view why,
                    const std::optional<Redirect>& redirect, bool lone) {
  for (Request& request : requests) {
    if (!request.sink) continue;
    --stats_.submitted;
    ++stats_.retries;
    returned_.push_back({std::move(request), std::string(why), redirect, lone});
  }
}

}  // namespace sluice::redis
