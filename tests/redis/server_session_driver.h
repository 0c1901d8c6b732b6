// Drives a ServerSession by hand: plays the network and the server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "redis/server_session.h"
#include "redis/session_driver.h"

namespace sluice::redis {

inline constexpr std::string_view kSha = "0123456789abcdef0123456789abcdef01234567";

/// Splits a stream into commands. Fails the test if one is incomplete.
std::vector<SentCommand> ParseCommands(std::string_view bytes);

class ServerSessionDriver : public DriverOf<ServerSession> {
 public:
  explicit ServerSessionDriver(const ServerSession::Options& options = {}, std::uint64_t seed = 1);

  /// Accepts the connection and answers the greeting.
  void GetReady();
  std::vector<SentCommand> Sent() override;
  void Receive(const Reply& reply) override;
  void Receive(std::string_view bytes);
  /// The connection is lost.
  void Lose(std::string_view why = "gone");
  void LoseCommands(std::string_view why) override;
  void Reconnect() override { GetReady(); }
  std::uint64_t connection() const override { return session.WantedConnection(); }
};

/// A session that has been greeted.
class ReadySession : public ServerSessionDriver {
 public:
  explicit ReadySession(const ServerSession::Options& options = {}) : ServerSessionDriver(options) {
    GetReady();
  }
};

}  // namespace sluice::redis
