#include "redis/server_session_driver.h"

#include <gtest/gtest.h>

#include <utility>

namespace sluice::redis {
namespace {

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

ServerSessionDriver::ServerSessionDriver(const ServerSession::Options& options, std::uint64_t seed)
    : DriverOf(options, seed, std::chrono::seconds(1000)) {}

void ServerSessionDriver::GetReady() {
  ASSERT_NE(session.WantedConnection(), 0U);
  session.OnConnected(now);
  for (const SentCommand& command : Sent()) {
    if (command[0] == "SCRIPT") {
      Receive("$40\r\n" + std::string(kSha) + "\r\n");
    } else {
      Receive("+OK\r\n");
    }
  }
  ASSERT_TRUE(session.stats().connected);
}

std::vector<SentCommand> ServerSessionDriver::Sent() {
  const std::string output(session.Output());
  session.OnWritten(output.size());
  return ParseCommands(output);
}

void ServerSessionDriver::Receive(const Reply& reply) {
  std::string bytes;
  switch (reply.kind) {
    case Reply::Kind::kError:
      return Receive("-" + reply.text + "\r\n");
    case Reply::Kind::kInteger:
      return Receive(":" + std::to_string(reply.integers.at(0)) + "\r\n");
    case Reply::Kind::kArray: {
      const std::size_t size = reply.integers.size() + (reply.text.empty() ? 0 : 1);
      bytes = "*" + std::to_string(size) + "\r\n";
      for (const std::int64_t integer : reply.integers) {
        bytes += ":" + std::to_string(integer) + "\r\n";
      }
      if (reply.text.empty()) break;
      bytes += "$" + std::to_string(reply.text.size()) + "\r\n" + reply.text + "\r\n";
      break;
    }
    default:
      bytes = "+" + reply.text + "\r\n";
  }
  Receive(bytes);
}

void ServerSessionDriver::Receive(std::string_view bytes) { session.OnBytes(bytes, now); }

void ServerSessionDriver::Lose(std::string_view why) { session.OnLost(why, now); }

void ServerSessionDriver::LoseCommands(std::string_view why) {
  Sent();
  Lose(why);
}

}  // namespace sluice::redis
