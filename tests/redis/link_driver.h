// Drives a Link by hand: plays the network, the server and the clock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redis/server_session.h"

namespace sluice::redis {

inline constexpr Nanos kMillisecond = std::chrono::milliseconds(1);
inline constexpr std::string_view kSha = "0123456789abcdef0123456789abcdef01234567";

using SentCommand = std::vector<std::string>;

/// Takes commands apart. Fails the test if they are not whole ones.
std::vector<SentCommand> ParseCommands(std::string_view bytes);

class LinkDriver {
 public:
  explicit LinkDriver(const ServerSession::Options& options = {}, std::uint64_t seed = 1);

  /// Asks whether `key` may take `cost` of a bucket of 10 that gains one per second, and returns
  /// the ticket.
  std::uint64_t Check(std::string_view key, Nanos timeout = 100 * kMillisecond,
                      std::int64_t cost = 1);
  std::uint64_t Submit(Request::Kind kind, std::string_view key, Nanos timeout,
                       std::int64_t cost = 1);

  /// Accepts the connection and answers the greeting.
  void GetReady();
  /// Takes all that the link wants to send, as commands. Fails the test if it is not whole ones.
  std::vector<SentCommand> Sent();
  void Receive(std::string_view bytes);
  /// Answers a batch of `checks`: every bucket was full.
  void AnswerFull(std::size_t checks);
  void Lose(std::string_view why = "gone");
  /// Lets time pass, calling OnTime whenever it is due.
  void Pass(Nanos time);
  /// Lets time pass as far as the process knows only afterwards: it was frozen.
  void PassFrozen(Nanos time);

  /// The sink of whatever is asked here: answers to another are not looked at.
  static std::shared_ptr<Sink> Asker();
  bool Answered(std::uint64_t ticket);
  /// The answer to a ticket. Fails the test if there is none.
  Completion Answer(std::uint64_t ticket);
  /// Tickets in the order in which they were answered; a second answer to one fails the test.
  const std::vector<std::uint64_t>& order();

  Nanos now = std::chrono::seconds(1000);
  ServerSession link;

 private:
  void Collect();

  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, Completion> answers_;
  std::vector<std::uint64_t> order_;
};

/// How many checks an EVALSHA carries, by its keys (one policy each).
std::size_t ChecksIn(const SentCommand& command);

}  // namespace sluice::redis
