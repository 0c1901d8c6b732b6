// Replies, lost commands and retries.
#include <algorithm>
#include <iterator>
#include <utility>

#include "redis/pipeline.h"
#include "redis/slot.h"

namespace sluice::redis {
namespace {

// The pause for a slot that is moving.
constexpr Nanos kHold = std::chrono::milliseconds(10);

}  // namespace

// Removes the command from those in flight.
Pipeline::Command Pipeline::Take(InFlight::iterator at, Nanos now) {
  now_ = now;
  ++turns_;
  Command command = std::move(at->second);
  in_flight_.erase(at);
  Lane& lane = *command.lane;
  if (command.abandoned) {
    --lane.abandoned;
  } else {
    if (command.last) --lane.batches;
    lane.requests -= command.requests.size();
    requests_in_flight_ -= command.requests.size();
  }
  requests_waiting_ -= command.waiting;
  Touch(lane);
  return command;
}

Pipeline::Command Pipeline::TakeReplied(InFlight::iterator at, Nanos now) {
  Command command = Take(at, now);
  Lane& lane = *command.lane;
  lane.answered += command.requests.size();
  if (command.last) {
    // A process that runs this late did not see when the reply came.
    if (now - kLate > first_deadline_) lane.drain.Skip();
    lane.drain.OnReply(command.sent, std::exchange(lane.answered, 0), now);
  }
  return command;
}

void Pipeline::OnReply(std::uint64_t id, const Reply& reply, Nanos now) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return;
  Command command = TakeReplied(at, now);
  if (reply.kind == Reply::Kind::kError) {
    OnError(command, reply.text, now);
  } else if (command.IsReset()) {
    OnResetReply(command, reply, now);
  } else {
    OnChecksReply(command, reply, now);
  }
}

void Pipeline::FailCommand(std::uint64_t id, Fault fault, std::string_view why, Nanos now) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return;
  Command command = TakeReplied(at, now);
  OnAnswered(command, now);
  FailAll(command.requests, fault, why);
}

void Pipeline::OnError(Command& command, std::string_view error, Nanos now) {
  if (!command.IsReset() && !command.by_text) {
    const bool refused = RefusesCommand(error, "evalsha");
    if (refused || error.starts_with("NOSCRIPT")) {
      return OnUnknownScript(command, error, refused, now);
    }
  }
  const Advice advice = session_.AdviceOn(command, error);
  if (advice.remedy != Remedy::kGiveUp) {
    const bool single = command.requests.size() == 1;
    return session_.OnRefused(command, {command.requests, error, advice, single}, now);
  }
  OnAnswered(command, now);
  const bool apart = ErrorCode(error) == "CROSSSLOT";
  for (Request& request : command.requests) {
    if (!request.sink) continue;
    Fail(request, apart && !SlotOf(request) ? Fault::kCrossSlot : Fault::kServer, advice.why);
  }
}

// Nothing was executed.
void Pipeline::OnUnknownScript(Command& command, std::string_view error, bool refused, Nanos now) {
  Lane& lane = *command.lane;
  std::vector<Request>& requests = command.requests;
  const ScriptStep step = session_.OnUnknownScript(error, refused, now);
  std::erase_if(requests, [](const Request& request) { return !request.sink; });
  stats_.retries += requests.size();
  if (step == ScriptStep::kSendText && !requests.empty()) {
    NextBatch(lane);
    return SendCommand(lane, std::move(requests), true, true, now);
  }
  std::ranges::move(requests, std::back_inserter(lane.held));
  OnProbeReturned(*command.node, now);
}

void Pipeline::OnChecksReply(Command& command, const Reply& reply, Nanos now) {
  Lane& lane = *command.lane;
  std::vector<Completion> completions(command.requests.size());
  if (!ReadReply(reply, command.requests, completions)) {
    FailAll(command.requests, Fault::kProtocol, kNonsense);
    return session_.OnNonsense(command, now);
  }
  // The script reports it for the checks that could not be executed.
  const Advice advice = reply.text.empty() ? Advice{} : session_.AdviceOn(command, reply.text);
  std::vector<Request> refused;
  std::vector<Request> again;
  for (std::size_t i = 0; i < completions.size(); ++i) {
    Request& request = command.requests[i];
    if (completions[i].fault == Fault::kServer && advice.remedy != Remedy::kGiveUp) {
      refused.push_back(std::move(request));
    } else if (completions[i].needs_ledgers) {
      request.route.ledgers = true;
      if (request.sink) again.push_back(std::move(request));
    } else if (request.sink) {
      Finish(request, std::move(completions[i]));
    } else if (MayHoldASlot(request) && completions[i].fault == Fault::kNone) {
      lane.queue.push_back(GiveBack(std::move(request), now));
    }
  }
  if (!again.empty()) {
    stats_.retries += again.size();
    Requeue(lane, std::move(again));
  }
  if (refused.empty()) return OnAnswered(command, now);
  session_.OnRefused(command, {refused, reply.text, advice, completions.size() == 1}, now);
}

void Pipeline::OnResetReply(Command& command, const Reply& reply, Nanos now) {
  if (reply.kind != Reply::Kind::kInteger) {
    FailAll(command.requests, Fault::kProtocol, kNonsense);
    return session_.OnNonsense(command, now);
  }
  OnAnswered(command, now);
  for (Request& request : command.requests) {
    if (request.sink) Finish(request, {});
  }
}

// ---- Lost commands

void Pipeline::OnLost(std::uint64_t id, std::string_view why, Nanos now) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return;
  Command command = Take(at, now);
  Lane& lane = *command.lane;
  lane.drain.Reset();
  std::vector<Request> again;
  Salvage(command, true, why, again, now);
  Requeue(lane, std::move(again));
  if (!command.overdue) OnFailure(command, Fault::kUnavailable, why, now);
}

bool Pipeline::OnAllLost(std::uint64_t unwritten, std::string_view why, Nanos now) {
  now_ = now;
  bool missed = false;
  for (auto& [slot, lane] : lanes_) {
    std::vector<Request> again = std::exchange(lane.held, {});
    for (auto& [id, command] : in_flight_) {
      if (command.lane != &lane) continue;
      missed = missed || (!command.overdue && id < unwritten);
      Salvage(command, id < unwritten, why, again, now);
    }
    Requeue(lane, std::move(again));
    lane.drain.Reset();
    lane.batches = lane.requests = lane.abandoned = lane.answered = 0;
  }
  in_flight_.clear();
  requests_in_flight_ = requests_waiting_ = 0;
  return missed;
}

// Sorts a lost command's requests: `again` gets the unexecuted and repeatable ones, in order; the
// rest fails.
void Pipeline::Salvage(Command& command, bool executed, std::string_view why,
                       std::vector<Request>& again, Nanos now) {
  for (Request& request : command.requests) {
    if (request.sink && (!executed || CanRepeat(request))) {
      // First releases its slot, because it may not be sent again in time. If it is, it takes a
      // slot again (scripts/ids.lua).
      if (executed && MayHoldASlot(request)) again.push_back(GiveBack(request, now));
      ++stats_.retries;
      again.push_back(std::move(request));
      continue;
    }
    if (request.sink) Fail(request, Fault::kUnavailable, why);
    if (executed && MayHoldASlot(request)) {
      command.lane->queue.push_back(GiveBack(std::move(request), now));
    }
  }
}

// ---- Retries

void Pipeline::RetryLater(const Command& command, const Refusal& refusal, Nanos now) {
  std::vector<Request> again;
  for (Request& request : refusal.requests) {
    if (!request.sink) continue;
    if (RetriesDuringOutage(request.kind)) {
      again.push_back(std::move(request));
    } else {
      Fail(request, Fault::kServer, refusal.advice.why);
    }
  }
  stats_.retries += again.size();
  Requeue(*command.lane, std::move(again));
  Trip(*command.node, Fault::kServer, refusal.advice.why, now);
}

void Pipeline::RetryAlone(const Command& command, const Refusal& refusal, Nanos now) {
  Lane& lane = *command.lane;
  std::vector<Request> again;
  for (Request& request : refusal.requests) {
    if (!request.sink) continue;
    request.route.alone = true;
    again.push_back(std::move(request));
  }
  stats_.retries += again.size();
  Requeue(lane, std::move(again));
  lane.hold_until = now + kHold;
  first_hold_ = std::min(first_hold_, lane.hold_until);
  OnProbeReturned(*command.node, now);
}

void Pipeline::Requeue(Lane& lane, std::vector<Request>&& requests) {
  lane.queue.insert(lane.queue.begin(), std::make_move_iterator(requests.begin()),
                    std::make_move_iterator(requests.end()));
  Observe(lane);
}

Request Pipeline::GiveBack(Request check, Nanos now) {
  ++stats_.submitted;
  Request release = ReleaseOf(std::move(check), now);
  first_deadline_ = std::min(first_deadline_, release.deadline);
  return release;
}

}  // namespace sluice::redis
