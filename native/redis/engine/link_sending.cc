// What a link writes: requests in batches, a cluster's by slot.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "redis/greeting.h"
#include "redis/link.h"
#include "redis/request_rules.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kTooLate = "the deadline passed before the request could be sent";
constexpr std::string_view kSlow = "the server takes too long for an answer in time";

}  // namespace

void Link::Submit(std::span<Request> requests, Nanos now) {
  now_ = now;
  stats_.submitted += requests.size();
  for (Request& request : requests) {
    if (request.asked == Nanos{0}) request.asked = now;
    if (request.deadline <= now) {
      Fail(request, Fault::kTimeout, kTooLate);
      continue;
    }
    if (Divert(request, now)) continue;
    first_deadline_ = std::min(first_deadline_, request.deadline);
    queue_.push_back(std::move(request));
  }
  Pump(now);
}

void Link::Pump(Nanos now) {
  while (state_ == State::kReady && !loading_ && leaving_.empty() && !queue_.empty()) {
    if (!breaker_.closed()) {
      if (!MayProbe(now)) return;
      SendBatch(1, now);
      continue;
    }
    // A batch that is full gains nothing by waiting for the ones under way, unless each of its
    // commands carries the script's text: then the output buffer would hold megabytes.
    const bool full = takes_sha_ && queue_.size() >= options_.max_batch;
    if (BatchesUnderWay() >= (full ? options_.max_full_under_way : options_.max_under_way)) return;
    SendBatch(options_.max_batch, now);
  }
}

// Sends the front of the queue: requests of one kind of command, and none that is too late.
void Link::SendBatch(std::size_t most, Nanos now) {
  const auto is_reset = [](const Request& r) { return r.kind == Request::Kind::kReset; };
  std::vector<Request> batch;
  const std::size_t ahead = RequestsUnderWay() + 1;
  batch.reserve(std::min(queue_.size(), most));
  while (!queue_.empty() && batch.size() < most) {
    Request& next = queue_.front();
    if (next.deadline <= now) {
      Fail(next, Fault::kTimeout, kTooLate);
    } else if (!CanWait(next.kind) && ahead > 1 &&
               IsLate(next.deadline, ahead + batch.size(), now)) {
      Fail(next, Fault::kOverload, kSlow);
    } else if (batch.empty() || options_.by_slot || is_reset(next) == is_reset(batch.front())) {
      batch.push_back(std::move(next));
    } else {
      break;
    }
    queue_.pop_front();
  }
  if (batch.empty()) return;
  if (!breaker_.closed()) breaker_.OnProbeSent(now);
  ++batches_;
  if (options_.by_slot) {
    AddBySlot(std::move(batch), now);
  } else {
    AddBatch(std::move(batch), now);
  }
}

void Link::AddBatch(std::vector<Request> batch, Nanos now) {
  AddBatch(std::move(batch), takes_sha_ ? Command::Kind::kChecks : Command::Kind::kChecksByText,
           now);
}

// Sends a batch again, with the script's text. Its requests were not executed.
void Link::SendByText(Command& command, Nanos now) {
  std::erase_if(command.requests, [](const Request& request) { return !request.sink; });
  if (command.requests.empty()) return breaker_.OnProbeReturned(now);
  stats_.retries += command.requests.size();
  ++batches_;
  AddBatch(std::move(command.requests), Command::Kind::kChecksByText, now);
}

// Requests of one kind of command, on a cluster of one slot. `checks`: how those are sent that are
// no resets.
void Link::AddBatch(std::vector<Request> batch, Command::Kind checks, Nanos now) {
  const Request& first = batch.front();
  ++stats_.batches;
  stats_.batched += batch.size();
  stats_.largest_batch = std::max<std::uint64_t>(stats_.largest_batch, batch.size());
  if (first.route.asking) AddCommand(Command::Kind::kAsking, {}, now);
  const bool reset = first.kind == Request::Kind::kReset;
  AddCommand(reset ? Command::Kind::kReset : checks, std::move(batch), now);
}

// One command for each slot, and for each that is to go alone. A slot's requests keep their order.
void Link::AddBySlot(std::vector<Request> batch, Nanos now) {
  std::vector<std::uint32_t> order(batch.size());  // by slot, then as they came
  for (std::size_t i = 0; i < batch.size(); ++i) {
    order[i] =
        static_cast<std::uint32_t>(batch[i].route.slot) << 16 | static_cast<std::uint32_t>(i);
  }
  std::ranges::sort(order);
  const auto together = [](const Request& a, const Request& b) {
    return a.route.slot == b.route.slot && !a.route.alone && !b.route.alone &&
           (a.kind == Request::Kind::kReset) == (b.kind == Request::Kind::kReset);
  };
  std::vector<Request> part;
  for (const std::uint32_t place : order) {
    Request& next = batch[place & 0xFFFF];
    if (!part.empty() && !together(part.back(), next)) AddBatch(std::exchange(part, {}), now);
    part.push_back(std::move(next));
  }
  AddBatch(std::move(part), now);
}

void Link::AddCommand(Command::Kind kind, std::vector<Request> requests, Nanos now,
                      Question question) {
  const Endpoint& endpoint = options_.endpoint;
  if (!OwesReply()) quiet_since_ = now;
  const std::size_t before = out_.size();
  switch (kind) {
    case Command::Kind::kAuth:
      AppendAuth(endpoint, password_, out_);
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
    case Command::Kind::kAsking:
      AppendCommand(std::array<std::string_view, 1>{"ASKING"}, out_);
      break;
    case Command::Kind::kChecks:
      call_.Describe(requests);
      AppendEvalSha(sha_, call_, out_);
      break;
    case Command::Kind::kChecksByText:
      call_.Describe(requests);
      AppendEval(call_, out_);
      break;
    case Command::Kind::kReset:
      AppendReset(requests, out_);
      break;
    case Command::Kind::kQuestion:
      AppendQuestion(question, out_);
      break;
    case Command::Kind::kNotice:
      AppendCommand(NoticeCommand(notices_.current()), out_);
      break;
  }
  queued_bytes_ += out_.size() - before;
  const std::uint64_t batch = requests.empty() ? 0 : batches_;
  const bool checks = kind == Command::Kind::kChecks || kind == Command::Kind::kChecksByText;
  const std::size_t most_elements = checks ? MostElements(requests) : kFewElements;
  const std::size_t count = requests.size();
  requests_under_way_ += count;
  waiting_ += count;
  under_way_.push_back({.kind = kind,
                        .end = queued_bytes_,
                        .requests = std::move(requests),
                        .sent = now,
                        .waiting = count,
                        .batch = batch,
                        .question = question,
                        .most_elements = most_elements});
}

void Link::OnWritten(std::size_t count) {
  written_bytes_ += count;
  out_start_ += count;
  // At most half of the buffer has been written: each byte is moved once at most, on average.
  if (out_start_ < out_.size() - out_start_) return;
  out_.erase(0, out_start_);
  out_start_ = 0;
}

}  // namespace sluice::redis
