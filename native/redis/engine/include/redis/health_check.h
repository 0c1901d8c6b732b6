// Problems of a server that answers: it would lose state, cannot keep it, or has another time.
//
// A new connection sends a few commands, each of which a server may refuse (a managed one, an ACL
// user): then nothing is known of that part. Holds no clock. Not thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/reply.h"
#include "redis/stats.h"

namespace sluice::redis {

enum class InfoCommand : std::uint8_t {
  kTime,         ///< TIME
  kReplication,  ///< INFO replication
  kMemory,       ///< INFO memory
  kConfig,       ///< CONFIG GET maxmemory*: where INFO does not tell
};

void AppendInfoCommand(InfoCommand command, std::string& out);

/// A server's answers. Empty: it refused, or the reply was invalid.
struct ServerInfo {
  std::string replication;
  std::string memory;
  std::vector<std::string> config;  ///< names and values in turn
  std::vector<std::string> time;    ///< seconds and microseconds since 1970
  /// When TIME was sent and answered, on this process's monotonic clock.
  Nanos asked{0};
  Nanos heard{0};
  bool no_password = false;  ///< a password was given, but it needs none

  void Note(InfoCommand command, Reply&& reply);
  /// Whether kConfig is needed.
  bool LacksPolicy() const;
};

/// The warning with code kNoPassword.
Warning NoPasswordWarning();

/// All problems. `wall`: this process's time since 1970, less its monotonic clock's.
///
///   kEvictingPolicy  maxmemory is set and maxmemory-policy is not noeviction: all of a limiter's
///                    keys have a time to live, so every other policy may evict them
///   kReplica         the server is a replica
///   kNoPassword      a password was given, and the server needs none
///   kClock           its clock is more than a second off, at any time between question and answer
std::vector<Warning> FindWarnings(const ServerInfo& info, Nanos wall);

/// The check of one server, once per connection.
class HealthCheck {
 public:
  /// `replication`: whether the server's role matters.
  explicit HealthCheck(bool replication = true) : replication_(replication) {}

  /// A connection is there. `no_password`: see ServerInfo.
  void Begin(bool no_password);
  /// The connection is gone.
  void Stop() { due_.clear(); }
  /// The commands to send now, in order.
  std::vector<InfoCommand> TakeDue() { return std::exchange(due_, {}); }
  void OnReply(InfoCommand command, Reply&& reply, Nanos sent, Nanos now);

  /// Whether all has been answered since the last TakeNews.
  bool has_result() const { return complete_; }
  /// Warnings that hold now and did not the last time.
  std::vector<Warning> TakeNews(Nanos wall);
  std::vector<Warning> Update(const ServerInfo& info, Nanos wall);
  /// The warnings of the last result.
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  const bool replication_;
  std::vector<InfoCommand> due_;
  ServerInfo info_;
  bool complete_ = false;  // info_ is
  std::vector<Warning> warnings_;
};

}  // namespace sluice::redis
