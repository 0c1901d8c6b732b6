// What a relay sends through the client, and what it makes of the replies.
#include "redis/relay.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "redis/redirect.h"
#include "redis/slot.h"

namespace sluice::redis {
namespace {

// How long a client may keep a notice before it sends it.
constexpr Nanos kNoticeWait = std::chrono::seconds(5);

// How long a slot that is being moved is left alone.
constexpr Nanos kHold = std::chrono::milliseconds(10);

constexpr std::string_view kTooLate = "the deadline passed before the request could be sent";
constexpr std::string_view kSlow = "the server takes too long for an answer in time";
constexpr std::string_view kNonsense = "what the client gave as the server's answer made no sense";

bool IsReset(const Request& request) { return request.kind == Request::Kind::kReset; }

}  // namespace

Relay::Relay(Options options, std::uint64_t seed)
    : options_(std::move(options)), sha_(ScriptSha()), random_(seed), notices_(options_.notices) {}

// Slots move: the node is that of this moment.
Relay::Lane& Relay::LaneOf(std::uint16_t slot, Nanos now) {
  const std::uint32_t number = options_.node_of ? options_.node_of(slot) : slot;
  const auto [at, made] = nodes_.try_emplace(number, options_.breaker, random_);
  Node& node = at->second;
  if (made) ++breakers_[static_cast<std::size_t>(node.seen)];
  node.used = now;
  Lane& lane = lanes_.try_emplace(slot, slot).first->second;
  lane.node = &node;
  return lane;
}

// ---- Sending

void Relay::Submit(std::span<Request> requests, Nanos now) {
  now_ = now;
  ++turns_;
  stats_.submitted += requests.size();
  std::vector<Lane*> touched;
  for (Request& request : requests) {
    if (request.asked == Nanos{0}) request.asked = now;
    if (request.deadline <= now) {
      Fail(request, Fault::kTimeout, kTooLate);
      continue;
    }
    const std::optional<std::uint16_t> slot = options_.cluster ? SlotOf(request) : 0;
    if (!slot) {
      Fail(request, Fault::kCrossSlot, kSlotsApart);
      continue;
    }
    request.route = {.slot = *slot};
    Lane& lane = LaneOf(*slot, now);
    if (touched.empty() || touched.back() != &lane) touched.push_back(&lane);
    if (Divert(lane, request, now)) continue;
    first_deadline_ = std::min(first_deadline_, request.deadline);
    lane.queue.push_back(std::move(request));
  }
  for (Lane* const lane : touched) Pump(*lane, now);
}

void Relay::Pump(Lane& lane, Nanos now) {
  while (!lane.queue.empty() && now >= lane.hold_until) {
    if (!lane.node->breaker.closed()) {
      if (!MayProbe(lane, now)) break;
      SendBatch(lane, 1, now);
      continue;
    }
    // A batch that is full gains nothing by waiting for the ones under way.
    const bool full = lane.queue.size() >= options_.max_batch;
    if (lane.live >= (full ? options_.max_full_under_way : options_.max_under_way)) break;
    SendBatch(lane, options_.max_batch, now);
  }
  Observe(lane);
}

// Sends the front of the queue: requests of one kind of command, and none that is too late.
void Relay::SendBatch(Lane& lane, std::size_t most, Nanos now) {
  std::deque<Request>& queue = lane.queue;
  std::vector<Request> batch;
  const std::size_t ahead = lane.live_requests + 1;
  batch.reserve(std::min(queue.size(), most));
  while (!queue.empty() && batch.size() < most) {
    Request& next = queue.front();
    if (next.deadline <= now) {
      Fail(next, Fault::kTimeout, kTooLate);
    } else if (!CanWait(next.kind) && ahead > 1 &&
               IsLate(lane, next.deadline, ahead + batch.size(), now)) {
      Fail(next, Fault::kOverload, kSlow);
    } else if (batch.empty() || (IsReset(next) == IsReset(batch.front()) && !next.route.alone &&
                                 !batch.front().route.alone)) {
      batch.push_back(std::move(next));
    } else {
      break;
    }
    queue.pop_front();
  }
  if (batch.empty()) return;
  Node& node = *lane.node;
  if (!node.breaker.closed()) {
    node.breaker.OnProbeSent(now);
    Observe(node);
  }
  ++stats_.batches;
  stats_.batched += batch.size();
  stats_.largest_batch = std::max<std::uint64_t>(stats_.largest_batch, batch.size());
  Send(lane, std::move(batch), false, now);
}

void Relay::Send(Lane& lane, std::vector<Request> requests, bool whole, Nanos now) {
  Command& command = commands_.emplace_back();
  command.id = ++ids_;
  if (IsReset(requests.front())) {
    command.name = "unlink";
    for (const Request& request : requests) AppendStateNames(request, command.pieces);
  } else {
    call_.Describe(requests);
    command.name = whole ? "eval" : "evalsha";
    command.first_key = 2;
    command.pieces.reserve(2 + call_.keys() + call_.arguments());
    command.pieces.emplace_back(whole ? ScriptText() : sha_);
    command.pieces.push_back(std::to_string(call_.keys()));
    for (std::size_t i = 0; i < call_.keys(); ++i) command.pieces.emplace_back(call_.key(i));
    for (std::size_t i = 0; i < call_.arguments(); ++i) {
      command.pieces.emplace_back(call_.argument(i));
    }
  }
  for (const Request& request : requests) {
    command.deadline = std::max(command.deadline, request.deadline);
  }
  ++lane.live;
  lane.live_requests += requests.size();
  lane.batch = std::max(turns_ << 16, lane.batch + 1);
  under_way_.emplace(command.id, UnderWay{.lane = &lane,
                                          .node = lane.node,
                                          .requests = std::move(requests),
                                          .sent = now,
                                          .batch = lane.batch,
                                          .whole = whole});
}

void Relay::PutUpNotices(Nanos now) {
  if (!notices_.Take(now)) return;
  const auto words = NoticeCommand(notices_.current());
  Command& command = commands_.emplace_back();
  command.id = notice_id_ = ++ids_;
  command.name = "set";
  command.pieces.assign(words.begin() + 1, words.end());
  command.deadline = now + kNoticeWait;
}

std::vector<Relay::Command> Relay::TakeCommands() { return std::exchange(commands_, {}); }

// ---- Replies

// The command is under way no more.
Relay::UnderWay Relay::Take(std::map<std::uint64_t, UnderWay>::iterator at, Nanos now) {
  now_ = now;
  ++turns_;
  UnderWay command = std::move(at->second);
  under_way_.erase(at);
  if (command.abandoned) {
    --command.lane->owed;
  } else {
    --command.lane->live;
    command.lane->live_requests -= command.requests.size();
  }
  return command;
}

void Relay::OnReply(std::uint64_t id, const Reply& reply, Nanos now) {
  if (id == notice_id_) notices_.OnReply(reply, reply.kind == Reply::Kind::kError);
  const auto at = under_way_.find(id);
  if (at != under_way_.end()) OnBatchReply(Take(at, now), reply, now);
  if (reply.kind != Reply::Kind::kError) PutUpNotices(now);
}

void Relay::OnBatchReply(UnderWay&& command, const Reply& reply, Nanos now) {
  Lane& lane = *command.lane;
  // Whoever looks so late did not see when it came.
  if (now - kLate > first_deadline_) lane.pace.Skip();
  lane.pace.OnReply(command.sent, command.requests.size(), now);
  if (reply.kind == Reply::Kind::kError) {
    OnError(command, reply.text, now);
  } else if (IsReset(command.requests.front())) {
    OnResetReply(command, reply, now);
  } else {
    OnChecksReply(command, reply, now);
  }
  Settle(lane, now);
}

void Relay::OnError(UnderWay& command, std::string_view error, Nanos now) {
  Lane& lane = *command.lane;
  const bool sha = !command.whole && !IsReset(command.requests.front());
  const bool refused = sha && RefusesCommand(error, "evalsha");
  if (sha && (refused || error.starts_with("NOSCRIPT"))) {
    if (refused) refusal_ = ErrorText(error);
    std::erase_if(command.requests, [](const Request& request) { return !request.sink; });
    if (!refused) ++stats_.script_reloads;
    stats_.retries += command.requests.size();
    if (command.requests.empty()) {
      NoteProbeReturned(*command.node, now);
    } else {
      Send(lane, std::move(command.requests), true, now);
    }
    return;
  }
  const bool none = command.whole && RefusesCommand(error, "eval");
  const std::string why =
      none ? NoScriptsText(refusal_, error, "+evalsha and +eval") : ErrorText(error);
  const Remedy remedy = RemedyHere(error);
  if (remedy != Remedy::kGiveUp) return AskAgain(command, command.requests, why, remedy, now);
  NoteReply(command, now);
  for (Request& request : command.requests) {
    if (request.sink) Fail(request, Fault::kServer, why);
  }
}

void Relay::OnChecksReply(UnderWay& command, const Reply& reply, Nanos now) {
  Lane& lane = *command.lane;
  std::vector<Completion> completions(command.requests.size());
  if (!ReadReply(reply, command.requests, completions)) {
    for (Request& request : command.requests) {
      if (request.sink) Fail(request, Fault::kProtocol, kNonsense);
    }
    return NoteFailure(*command.node, command.batch, Fault::kProtocol, kNonsense, now);
  }
  // The script says it of the checks that could not be executed.
  const Remedy remedy = RemedyHere(reply.text);
  std::vector<Request> refused;
  for (std::size_t i = 0; i < completions.size(); ++i) {
    Request& request = command.requests[i];
    if (completions[i].fault == Fault::kServer && remedy != Remedy::kGiveUp) {
      refused.push_back(std::move(request));
    } else if (request.sink) {
      Finish(request, std::move(completions[i]));
    } else if (MayHoldASlot(request) && completions[i].fault == Fault::kNone) {
      lane.queue.push_back(GiveBack(std::move(request), now));
    }
  }
  if (refused.empty()) return NoteReply(command, now);
  AskAgain(command, refused, ErrorText(reply.text), remedy, now);
}

void Relay::OnResetReply(UnderWay& command, const Reply& reply, Nanos now) {
  const bool done = reply.kind == Reply::Kind::kInteger;
  for (Request& request : command.requests) {
    if (!request.sink) continue;
    if (done) {
      Finish(request, {});
    } else {
      Fail(request, Fault::kProtocol, kNonsense);
    }
  }
  if (done) return NoteReply(command, now);
  NoteFailure(*command.node, command.batch, Fault::kProtocol, kNonsense, now);
}

void Relay::OnLost(std::uint64_t id, std::string_view why, Nanos now) {
  if (id == notice_id_) notices_.OnAnswer(true);
  const auto at = under_way_.find(id);
  if (at == under_way_.end()) return;
  UnderWay command = Take(at, now);
  Lane& lane = *command.lane;
  lane.pace.Reset();
  std::vector<Request> again;
  for (Request& request : command.requests) {
    if (request.sink && CanRepeat(request)) {
      // What it took goes back first, as it may not be asked again in time: else it takes a slot
      // again (scripts/ids.lua).
      if (MayHoldASlot(request)) again.push_back(GiveBack(request, now));
      again.push_back(std::move(request));
      continue;
    }
    if (request.sink) Fail(request, Fault::kUnavailable, why);
    // It may have been executed.
    if (MayHoldASlot(request)) lane.queue.push_back(GiveBack(std::move(request), now));
  }
  Requeue(lane, std::move(again));
  if (!command.overdue) {
    NoteFailure(*command.node, command.batch, Fault::kUnavailable, why, now);
  }
  Settle(lane, now);
}

// A client that knows of no cluster cannot follow a redirection, now or later.
Remedy Relay::RemedyHere(std::string_view error) const {
  if (!ReadRedirect(error)) return RemedyOf(error);
  return options_.cluster ? Remedy::kRedirect : Remedy::kGiveUp;
}

// The server refused to execute these, and would refuse what follows.
void Relay::AskAgain(const UnderWay& command, std::span<Request> requests, std::string_view why,
                     Remedy remedy, Nanos now) {
  if (remedy == Remedy::kRedirect) return AskAlone(command, requests, now);
  std::vector<Request> again;
  for (Request& request : requests) {
    if (!request.sink) continue;
    if (CanWait(request.kind)) {
      again.push_back(std::move(request));
    } else {
      Fail(request, Fault::kServer, why);
    }
  }
  Requeue(*command.lane, std::move(again));
  Trip(*command.node, why, now);
}

// Their slot is being moved, so that a node may have some of several keys.
void Relay::AskAlone(const UnderWay& command, std::span<Request> requests, Nanos now) {
  Lane& lane = *command.lane;
  std::vector<Request> again;
  for (Request& request : requests) {
    if (!request.sink) continue;
    request.route.alone = true;
    again.push_back(std::move(request));
  }
  Requeue(lane, std::move(again));
  lane.hold_until = now + kHold;
  first_hold_ = std::min(first_hold_, lane.hold_until);
  NoteProbeReturned(*command.node, now);
}

void Relay::Requeue(Lane& lane, std::vector<Request>&& requests) {
  stats_.retries += requests.size();
  lane.queue.insert(lane.queue.begin(), std::make_move_iterator(requests.begin()),
                    std::make_move_iterator(requests.end()));
}

Request Relay::GiveBack(Request check, Nanos now) {
  ++stats_.submitted;
  Request release = ReleaseOf(std::move(check), now);
  first_deadline_ = std::min(first_deadline_, release.deadline);
  return release;
}

// ---- Answers to those who asked

void Relay::Finish(Request& request, Completion&& completion) {
  CountCompleted(completion.fault, stats_);
  if (!CanWait(request.kind)) latency_.Record(now_ - request.asked);
  outbox_.Put(request, std::move(completion));
}

void Relay::Fail(Request& request, Fault fault, std::string_view why) {
  Completion completion;
  completion.fault = fault;
  completion.detail = why;
  Finish(request, std::move(completion));
}

void Relay::Close() {
  constexpr std::string_view kWhy = "the client was let go";
  for (auto& [id, command] : under_way_) {
    for (Request& request : command.requests) {
      if (request.sink) Fail(request, Fault::kClosed, kWhy);
    }
  }
  for (auto& [slot, lane] : lanes_) {
    for (Request& request : lane.queue) Fail(request, Fault::kClosed, kWhy);
  }
  under_way_.clear();
  waiting_.clear();
  probed_.clear();
  lanes_.clear();
  nodes_.clear();
  commands_.clear();
}

LinkStats Relay::stats() const {
  LinkStats stats = stats_;
  stats.breaker = WorstBreaker();
  for (const auto& [slot, lane] : lanes_) stats.queue_depth += lane.queue.size();
  return stats;
}

}  // namespace sluice::redis
