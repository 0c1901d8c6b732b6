#include "redis/client_session_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace sluice::redis {

void ClientSessionDriver::Take() {
  for (Command& command : Commands()) {
    owed_.push_back(command.id);
    SentCommand words{std::string(command.name)};
    std::ranges::transform(words[0], words[0].begin(), ::toupper);
    std::ranges::move(command.pieces, std::back_inserter(words));
    sent_.push_back(std::move(words));
  }
}

std::vector<SentCommand> ClientSessionDriver::Sent() {
  Take();
  return std::exchange(sent_, {});
}

void ClientSessionDriver::Receive(const Reply& reply) {
  Take();
  ASSERT_FALSE(owed_.empty()) << "no command without a reply";
  const std::uint64_t oldest = owed_.front();
  owed_.pop_front();
  session.OnReply(oldest, reply, now);
}

void ClientSessionDriver::LoseCommands(std::string_view why) {
  Take();
  for (const std::uint64_t id : std::exchange(owed_, {})) session.OnLost(id, why, now);
}

ClientSessionDriver::Command ClientSessionDriver::SentOne() {
  std::vector<Command> commands = Commands();
  EXPECT_EQ(commands.size(), 1U);
  return commands.size() == 1 ? std::move(commands[0]) : Command{};
}

void ClientSessionDriver::AnswerFull(const Command& command, std::size_t checks) {
  std::vector<std::int64_t> integers(1 + checks, 0);
  integers[0] = 1;
  Answer(command, std::move(integers));
}

void ClientSessionDriver::Answer(const Command& command, std::vector<std::int64_t> integers) {
  const auto kind = command.name == "unlink" ? Reply::Kind::kInteger : Reply::Kind::kArray;
  session.OnReply(command.id, {.kind = kind, .text = {}, .integers = std::move(integers)}, now);
}

void ClientSessionDriver::Fail(const Command& command, std::string_view error) {
  session.OnReply(command.id,
                  {.kind = Reply::Kind::kError, .text = std::string(error), .integers = {}}, now);
}

void ClientSessionDriver::Lose(const Command& command, std::string_view why) {
  session.OnLost(command.id, why, now);
}

}  // namespace sluice::redis
