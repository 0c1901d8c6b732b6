// The network, the server and the clock, as tests play them.
#include "redis/link_driver.h"

#include <gtest/gtest.h>

#include <utility>

#include "support/policies.h"

namespace sluice::redis {
namespace {

class UnusedSink final : public Sink {
 public:
  void Deliver(std::span<Completion>) override { FAIL() << "only an I/O thread delivers"; }
};

std::shared_ptr<const PolicySet> TheSet() {
  static const auto set = std::make_shared<const PolicySet>(
      std::vector{testing::BucketPolicy("default", 10, 1, std::chrono::seconds(1))}, "p");
  return set;
}

// Takes "<type><number>\r\n".
std::size_t TakeNumber(char type, std::string_view& bytes) {
  const std::size_t end = bytes.find("\r\n");
  if (bytes.empty() || bytes[0] != type || end == std::string_view::npos) {
    ADD_FAILURE() << "not a whole command: " << bytes;
    bytes = {};
    return 0;
  }
  const std::size_t number = std::stoul(std::string(bytes.substr(1, end - 1)));
  bytes.remove_prefix(end + 2);
  return number;
}

}  // namespace

LinkDriver::LinkDriver(const ServerSession::Options& options, std::uint64_t seed)
    : link(options, seed, now) {}

std::uint64_t LinkDriver::Check(std::string_view key, Nanos timeout, std::int64_t cost) {
  return Submit(Request::Kind::kCheck, key, timeout, cost);
}

std::uint64_t LinkDriver::Submit(Request::Kind kind, std::string_view key, Nanos timeout,
                                 std::int64_t cost) {
  std::vector<Request> requests(1);
  Request& request = requests[0];
  request.kind = kind;
  request.set = TheSet();
  request.key = EscapedKey(key);
  request.costs = cost;
  request.deadline = now + timeout;
  request.ticket = next_ticket_++;
  request.sink = Asker();
  const std::uint64_t ticket = request.ticket;
  link.Submit(requests, now);
  return ticket;
}

void LinkDriver::GetReady() {
  ASSERT_NE(link.WantedConnection(), 0U);
  link.OnConnected(now);
  for (const SentCommand& command : Sent()) {
    if (command[0] == "SCRIPT") {
      Receive("$40\r\n" + std::string(kSha) + "\r\n");
    } else {
      Receive("+OK\r\n");
    }
  }
  ASSERT_TRUE(link.stats().connected);
}

std::vector<SentCommand> ParseCommands(std::string_view bytes) {
  std::vector<SentCommand> commands;
  while (!bytes.empty()) {
    SentCommand command;
    for (std::size_t left = TakeNumber('*', bytes); left > 0; --left) {
      const std::size_t length = TakeNumber('$', bytes);
      command.emplace_back(bytes.substr(0, length));
      bytes.remove_prefix(length);
      EXPECT_TRUE(bytes.starts_with("\r\n"));
      bytes.remove_prefix(2);
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

std::vector<SentCommand> LinkDriver::Sent() {
  const std::string output(link.Output());
  link.OnWritten(output.size());
  return ParseCommands(output);
}

void LinkDriver::Receive(std::string_view bytes) { link.OnBytes(bytes, now); }

void LinkDriver::AnswerFull(std::size_t checks) {
  std::string bytes = "*" + std::to_string(checks + 1) + "\r\n:1\r\n";
  for (std::size_t i = 0; i < checks; ++i) bytes += ":0\r\n";
  Receive(bytes);
}

void LinkDriver::Lose(std::string_view why) { link.OnLost(why, now); }

void LinkDriver::Pass(Nanos time) {
  const Nanos end = now + time;
  while (link.NextTime() <= end) {
    const Nanos due = link.NextTime();
    now = std::max(now, due);
    link.OnTime(now);
    ASSERT_FALSE(link.NextTime() == due && due <= now) << "a timer that never ends";
  }
  now = end;
}

void LinkDriver::PassFrozen(Nanos time) {
  now += time;
  if (link.NextTime() <= now) link.OnTime(now);
}

std::shared_ptr<Sink> LinkDriver::Asker() {
  static const auto sink = std::make_shared<UnusedSink>();
  return sink;
}

void LinkDriver::Collect() {
  for (Delivery& delivery : link.TakeDeliveries()) {
    EXPECT_FALSE(delivery.completions.empty());
    // What the link asks for itself.
    if (delivery.sink != Asker()) continue;
    for (Completion& completion : delivery.completions) {
      order_.push_back(completion.request.ticket);
      const bool fresh = answers_.emplace(completion.request.ticket, completion).second;
      EXPECT_TRUE(fresh) << "answered twice: " << completion.request.ticket;
      EXPECT_EQ(completion.detail.empty(), completion.fault == Fault::kNone);
    }
  }
}

bool LinkDriver::Answered(std::uint64_t ticket) {
  Collect();
  return answers_.contains(ticket);
}

Completion LinkDriver::Answer(std::uint64_t ticket) {
  if (!Answered(ticket)) {
    ADD_FAILURE() << "no answer to " << ticket;
    return {};
  }
  return answers_[ticket];
}

const std::vector<std::uint64_t>& LinkDriver::order() {
  Collect();
  return order_;
}

std::size_t ChecksIn(const SentCommand& command) {
  EXPECT_EQ(command.at(0), "EVALSHA");
  return std::stoul(command.at(2));
}

}  // namespace sluice::redis
