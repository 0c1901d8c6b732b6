// Drives a ClientSession by hand: plays the client and the server.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "redis/client_session.h"
#include "redis/session_driver.h"

namespace sluice::redis {

class ClientSessionDriver : public DriverOf<ClientSession> {
 public:
  using Command = ClientSession::Command;

  explicit ClientSessionDriver(const ClientSession::Options& options = {}, std::uint64_t seed = 1)
      : DriverOf(options, seed) {}

  // ---- Replies in the order of the commands

  std::vector<SentCommand> Sent() override;
  void Receive(const Reply& reply) override;
  void LoseCommands(std::string_view why) override;

  // ---- Replies in any order, or never

  /// Takes the commands that were sent since the last call.
  std::vector<Command> Commands() { return session.TakeCommands(); }
  /// The only command since the last call. Fails the test if there is none, or another.
  Command SentOne();
  using SessionDriver::AnswerFull;
  /// Answers a batch of `checks`: every bucket was full.
  void AnswerFull(const Command& command, std::size_t checks = 1);
  void Answer(const Command& command, std::vector<std::int64_t> integers);
  void Fail(const Command& command, std::string_view error);
  void Lose(const Command& command, std::string_view why = "gone");

 private:
  void Take();

  std::vector<SentCommand> sent_;   // since the last call of Sent
  std::deque<std::uint64_t> owed_;  // ids of commands without a reply
};

}  // namespace sluice::redis
