// Lanes, batches and answers.
#include "redis/pipeline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "redis/slot.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kTooLate = "the deadline passed before the request could be sent";
constexpr std::string_view kSlow = "the server is too slow to answer before the deadline";

bool IsReset(const Request& request) { return request.kind == Request::Kind::kReset; }

}  // namespace

Pipeline::Pipeline(const Options& options, Transport transport, std::mt19937_64& random,
                   Session& session)
    : options_(options), transport_(std::move(transport)), session_(session), random_(random) {
  if (transport_.lane_per_slot) return;
  Node& node = nodes_.try_emplace(0, options_.breaker, random_).first->second;
  ++breakers_[static_cast<std::size_t>(node.seen)];
  lanes_.try_emplace(0, std::uint16_t{0}).first->second.node = &node;
}

// The node of the slot at this moment: slots move.
Pipeline::Lane& Pipeline::LaneFor(std::uint16_t slot, Nanos now) {
  const auto [at, made] = nodes_.try_emplace(session_.NodeOf(slot), options_.breaker, random_);
  Node& node = at->second;
  if (made) ++breakers_[static_cast<std::size_t>(node.seen)];
  node.used = now;
  Lane& lane = lanes_.try_emplace(slot, slot).first->second;
  lane.node = &node;
  return lane;
}

// ---- Sending

void Pipeline::Submit(std::span<Request> requests, Nanos now) {
  now_ = now;
  ++turns_;
  stats_.submitted += requests.size();
  Lane* lane = transport_.lane_per_slot ? nullptr : &lanes_.begin()->second;
  for (Request& request : requests) {
    if (request.asked == Nanos{0}) request.asked = now;
    if (request.deadline <= now) {
      Fail(request, Fault::kTimeout, kTooLate);
      continue;
    }
    if (transport_.lane_per_slot) {
      const std::optional<std::uint16_t> slot = SlotOf(request);
      if (!slot) {
        Fail(request, Fault::kCrossSlot, kSlotsApart);
        continue;
      }
      request.route = {.slot = *slot};
      lane = &LaneFor(*slot, now);
    }
    Touch(*lane);
    if (AdmitOrReject(*lane, request, now)) continue;
    first_deadline_ = std::min(first_deadline_, request.deadline);
    lane->queue.push_back(std::move(request));
  }
  Pump(now);
}

void Pipeline::Touch(Lane& lane) {
  if (std::exchange(lane.touched, true)) return;
  touched_.push_back(&lane);
}

void Pipeline::Pump(Nanos now) {
  now_ = now;
  // The loop may touch lanes.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    Lane& lane = *touched_[i];
    lane.touched = false;
    SendFrom(lane, now);
    const bool done =
        lane.batches == 0 && lane.abandoned == 0 && lane.queue.empty() && lane.held.empty();
    if (done && transport_.lane_per_slot && !lane.touched) lanes_.erase(lane.slot);
  }
  touched_.clear();
}

void Pipeline::Resume() {
  for (auto& [slot, lane] : lanes_) {
    lane.queue.insert(lane.queue.begin(), std::make_move_iterator(lane.held.begin()),
                      std::make_move_iterator(lane.held.end()));
    lane.held.clear();
    Touch(lane);
  }
}

void Pipeline::SendFrom(Lane& lane, Nanos now) {
  while (!lane.queue.empty() && now >= lane.hold_until && session_.CanSend()) {
    if (!lane.node->breaker.closed()) {
      if (!MayProbe(lane, now)) break;
      SendBatch(lane, 1, now);
      continue;
    }
    // A full batch gains nothing by waiting, unless each of its commands carries the script's text:
    // then the output buffer would hold megabytes.
    const bool full = lane.queue.size() >= options_.max_batch && !session_.SendsText();
    if (lane.batches >= (full ? options_.max_full_in_flight : options_.max_in_flight)) break;
    SendBatch(lane, options_.max_batch, now);
  }
  Observe(lane);
}

// Sends the front of the queue: requests of one kind of command, without those that are too late.
void Pipeline::SendBatch(Lane& lane, std::size_t most, Nanos now) {
  std::deque<Request>& queue = lane.queue;
  std::vector<Request> batch;
  const std::size_t ahead = lane.requests + 1;
  batch.reserve(std::min(queue.size(), most));
  const auto together = [this](const Request& a, const Request& b) {
    return transport_.command_per_slot ||
           (IsReset(a) == IsReset(b) && !a.route.alone && !b.route.alone);
  };
  while (!queue.empty() && batch.size() < most) {
    Request& next = queue.front();
    if (next.deadline <= now) {
      Fail(next, Fault::kTimeout, kTooLate);
    } else if (!RetriesDuringOutage(next.kind) && ahead > 1 &&
               IsLate(lane, next.deadline, ahead + batch.size(), now)) {
      Fail(next, Fault::kOverload, kSlow);
    } else if (batch.empty() || together(batch.front(), next)) {
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
  NextBatch(lane);
  if (transport_.command_per_slot) {
    SendBySlot(lane, std::move(batch), now);
  } else {
    SendCommand(lane, std::move(batch), session_.SendsText(), true, now);
  }
}

// Sends one command for each slot, and for each request that must go alone. A slot's requests keep
// their order.
void Pipeline::SendBySlot(Lane& lane, std::vector<Request> batch, Nanos now) {
  std::vector<std::uint32_t> order(batch.size());  // by slot, then as they came
  for (std::size_t i = 0; i < batch.size(); ++i) {
    order[i] =
        static_cast<std::uint32_t>(batch[i].route.slot) << 16 | static_cast<std::uint32_t>(i);
  }
  std::ranges::sort(order);
  const auto together = [](const Request& a, const Request& b) {
    return a.route.slot == b.route.slot && !a.route.alone && !b.route.alone &&
           IsReset(a) == IsReset(b);
  };
  const bool by_text = session_.SendsText();
  std::vector<Request> part;
  for (const std::uint32_t place : order) {
    Request& next = batch[place & 0xFFFF];
    if (!part.empty() && !together(part.back(), next)) {
      SendCommand(lane, std::exchange(part, {}), by_text, false, now);
    }
    part.push_back(std::move(next));
  }
  SendCommand(lane, std::move(part), by_text, true, now);
}

// All batches of one turn, in all lanes, have one number.
void Pipeline::NextBatch(Lane& lane) {
  ++lane.batches;
  lane.batch = std::max(turns_ << 16, lane.batch + 1);
}

// Requests of one kind of command, on a cluster of one slot.
void Pipeline::SendCommand(Lane& lane, std::vector<Request> requests, bool by_text, bool last,
                           Nanos now) {
  const std::size_t count = requests.size();
  ++stats_.batches;
  stats_.batched += count;
  stats_.largest_batch = std::max<std::uint64_t>(stats_.largest_batch, count);
  lane.requests += count;
  requests_in_flight_ += count;
  requests_waiting_ += count;
  const std::uint64_t id = NewId();
  const auto at = in_flight_.emplace_hint(in_flight_.end(), id,
                                          Command{.lane = &lane,
                                                  .node = lane.node,
                                                  .requests = std::move(requests),
                                                  .sent = now,
                                                  .waiting = count,
                                                  .batch = lane.batch,
                                                  .last = last,
                                                  .by_text = by_text});
  session_.Send(id, at->second, now);
}

// ---- Answers

void Pipeline::Finish(Request& request, Completion&& completion) {
  CountCompleted(completion.fault, stats_);
  if (!RetriesDuringOutage(request.kind)) latency_.Record(now_ - request.asked);
  // A router's callers know many servers and not which one answered.
  if (completion.fault != Fault::kNone && !completion.detail.starts_with(transport_.address)) {
    completion.detail.insert(0, transport_.address);
  }
  // Most batches have one sink.
  completions_.Put(request, std::move(completion), transport_.in_order ? options_.max_batch : 1);
}

void Pipeline::Fail(Request& request, Fault fault, std::string_view why) {
  Completion completion;
  completion.fault = fault;
  completion.detail = why;
  Finish(request, std::move(completion));
}

void Pipeline::FailAll(std::span<Request> requests, Fault fault, std::string_view why) {
  for (Request& request : requests) {
    if (request.sink) Fail(request, fault, why);
  }
}

void Pipeline::Close() {
  for (auto& [slot, lane] : lanes_) {
    FailAll(lane.held, Fault::kClosed, kClosed);
    for (Request& request : lane.queue) Fail(request, Fault::kClosed, kClosed);
    lane.held.clear();
    lane.queue.clear();
    lane.batches = lane.requests = lane.abandoned = 0;
  }
  for (auto& [id, command] : in_flight_) FailAll(command.requests, Fault::kClosed, kClosed);
  in_flight_.clear();
  requests_in_flight_ = requests_waiting_ = 0;
  waiting_.clear();
  first_deadline_ = first_hold_ = kNever;
}

void Pipeline::Withdraw(std::size_t count) {
  stats_.submitted -= count;
  stats_.retries += count;
}

std::size_t Pipeline::queued() const {
  std::size_t count = 0;
  for (const auto& [slot, lane] : lanes_) count += lane.queue.size() + lane.held.size();
  return count;
}

SessionStats Pipeline::stats() const {
  SessionStats stats = stats_;
  stats.breaker = WorstBreaker();
  stats.queue_depth = queued();
  return stats;
}

}  // namespace sluice::redis
