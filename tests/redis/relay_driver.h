// Drives a Relay by hand: plays the client, the server and the clock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/client_session.h"

namespace sluice::redis {

class RelayDriver {
 public:
  explicit RelayDriver(const ClientSession::Options& options = {}, std::uint64_t seed = 1)
      : relay(options, seed) {}

  /// Asks a bucket of 10 that gains one per second (or `set`), and returns the ticket.
  std::uint64_t Check(std::string_view key, Nanos timeout = std::chrono::milliseconds(100));
  /// The same of several keys at once.
  std::vector<std::uint64_t> Check(const std::vector<std::string>& keys,
                                   const std::vector<Nanos>& timeouts);
  std::uint64_t Submit(Request::Kind kind, std::string_view key, Nanos timeout,
                       const std::shared_ptr<const PolicySet>& set = nullptr,
                       std::shared_ptr<const Operation::Options> options = nullptr);
  std::uint64_t Submit(Request request);
  /// A request of one unit, to submit.
  Request Make(Request::Kind kind, std::string_view key, Nanos timeout);

  std::vector<ClientSession::Command> Sent() { return relay.TakeCommands(); }
  /// The only command since the last call. Fails the test if there is none, or another.
  ClientSession::Command SentOne();
  /// Answers a batch of `checks`: every bucket was full.
  void AnswerFull(const ClientSession::Command& command, std::size_t checks = 1);
  void Answer(const ClientSession::Command& command, std::vector<std::int64_t> integers);
  void Fail(const ClientSession::Command& command, std::string_view error);
  void Lose(const ClientSession::Command& command, std::string_view why = "gone");
  /// Lets time pass, calling OnTime whenever it is due.
  void Pass(Nanos time);

  bool Answered(std::uint64_t ticket);
  /// The answer to a ticket. Fails the test if there is none.
  Completion Told(std::uint64_t ticket);
  std::size_t answers();

  Nanos now = std::chrono::seconds(1000);
  ClientSession relay;

 private:
  void Collect();

  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, Completion> answers_;
};

}  // namespace sluice::redis
