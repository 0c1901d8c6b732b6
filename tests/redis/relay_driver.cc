// The client, the server and the clock, as tests play them.
#include "redis/relay_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "support/policies.h"

namespace sluice::redis {
namespace {

class UnusedSink final : public Sink {
 public:
  void Deliver(std::span<Completion>) override { FAIL() << "the relay only collects"; }
};

std::shared_ptr<const PolicySet> TheSet() {
  static const auto set = std::make_shared<const PolicySet>(
      std::vector{testing::BucketPolicy("default", 10, 1, std::chrono::seconds(1))}, "p");
  return set;
}

}  // namespace

std::uint64_t RelayDriver::Check(std::string_view key, Nanos timeout) {
  return Submit(Request::Kind::kCheck, key, timeout);
}

std::vector<std::uint64_t> RelayDriver::Check(const std::vector<std::string>& keys,
                                              const std::vector<Nanos>& timeouts) {
  std::vector<Request> requests;
  std::vector<std::uint64_t> tickets;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    requests.push_back(Make(Request::Kind::kCheck, keys[i], timeouts[i % timeouts.size()]));
    tickets.push_back(requests.back().ticket);
  }
  relay.Submit(requests, now);
  return tickets;
}

std::uint64_t RelayDriver::Submit(Request::Kind kind, std::string_view key, Nanos timeout,
                                  const std::shared_ptr<const PolicySet>& set,
                                  std::shared_ptr<const Operation::Options> options) {
  Request request = Make(kind, key, timeout);
  if (set) request.set = set;
  request.options = std::move(options);
  return Submit(std::move(request));
}

std::uint64_t RelayDriver::Submit(Request request) {
  const std::uint64_t ticket = request.ticket;
  std::vector<Request> requests;
  requests.push_back(std::move(request));
  relay.Submit(requests, now);
  return ticket;
}

Request RelayDriver::Make(Request::Kind kind, std::string_view key, Nanos timeout) {
  static const auto sink = std::make_shared<UnusedSink>();
  Request request;
  request.kind = kind;
  request.set = TheSet();
  request.key = EscapedKey(key);
  request.costs = Costs(1);
  request.deadline = now + timeout;
  request.ticket = next_ticket_++;
  request.sink = sink;
  return request;
}

ClientSession::Command RelayDriver::SentOne() {
  std::vector<ClientSession::Command> commands = Sent();
  EXPECT_EQ(commands.size(), 1U);
  return commands.size() == 1 ? std::move(commands[0]) : ClientSession::Command{};
}

void RelayDriver::AnswerFull(const ClientSession::Command& command, std::size_t checks) {
  std::vector<std::int64_t> integers(1 + checks, 0);
  integers[0] = 1;
  Answer(command, std::move(integers));
}

void RelayDriver::Answer(const ClientSession::Command& command,
                         std::vector<std::int64_t> integers) {
  const auto kind = command.name == "unlink" ? Reply::Kind::kInteger : Reply::Kind::kArray;
  relay.OnReply(command.id, {.kind = kind, .text = {}, .integers = std::move(integers)}, now);
}

void RelayDriver::Fail(const ClientSession::Command& command, std::string_view error) {
  relay.OnReply(command.id,
                {.kind = Reply::Kind::kError, .text = std::string(error), .integers = {}}, now);
}

void RelayDriver::Lose(const ClientSession::Command& command, std::string_view why) {
  relay.OnLost(command.id, why, now);
}

void RelayDriver::Pass(Nanos time) {
  const Nanos end = now + time;
  while (relay.NextTime() <= end) {
    const Nanos due = relay.NextTime();
    now = std::max(now, due);
    relay.OnTime(now);
    ASSERT_FALSE(relay.NextTime() == due && due <= now) << "a timer that never ends";
  }
  now = end;
}

void RelayDriver::Collect() {
  for (Delivery& delivery : relay.TakeDeliveries()) {
    for (Completion& completion : delivery.completions) {
      if (completion.request.ticket == 0) continue;  // nobody's
      const bool fresh = answers_.emplace(completion.request.ticket, completion).second;
      EXPECT_TRUE(fresh) << "answered twice: " << completion.request.ticket;
      EXPECT_EQ(completion.detail.empty(), completion.fault == Fault::kNone);
    }
  }
}

bool RelayDriver::Answered(std::uint64_t ticket) {
  Collect();
  return answers_.contains(ticket);
}

Completion RelayDriver::Told(std::uint64_t ticket) {
  if (!Answered(ticket)) {
    ADD_FAILURE() << "no answer to " << ticket;
    return {};
  }
  return answers_[ticket];
}

std::size_t RelayDriver::answers() {
  Collect();
  return answers_.size();
}

}  // namespace sluice::redis
