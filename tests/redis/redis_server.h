// A redis-server for one test: on a free port, without persistence, stopped at the end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/endpoint.h"
#include "redis/reply.h"

struct redisContext;

namespace sluice::testing {

/// Not thread safe. Throws std::runtime_error on failures.
class RedisServer {
 public:
  /// Starts a server on 127.0.0.1 and waits until it answers. `port` 0: a free one. `options`: more
  /// arguments of redis-server: {"--maxmemory", "2mb"}.
  explicit RedisServer(const std::vector<std::string>& options = {}, std::uint16_t port = 0);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  redis::Endpoint endpoint() const;
  std::uint16_t port() const { return port_; }

  /// SIGSTOP and SIGCONT: a frozen server keeps its connections and does not answer.
  void Freeze();
  void Thaw();
  /// SIGKILL; waits until it is gone.
  void Kill();

  /// Sends one command and returns the reply.
  redis::Reply Run(std::span<const std::string> command);
  redis::Reply Run(std::initializer_list<std::string> command);
  /// The same for a reply that must be a text or a status.
  std::string Text(std::initializer_list<std::string> command);

  /// A free port on 127.0.0.1, another one each time, that other test processes do not use. Throws
  /// if there is none.
  static std::uint16_t FreePort();

 private:
  struct FreeContext {
    void operator()(redisContext* context) const;
  };

  void Start(const std::vector<std::string>& options);
  bool Connect(const std::vector<std::string>& options);

  std::uint16_t port_;
  pid_t pid_ = -1;
  std::string directory_;
  std::unique_ptr<redisContext, FreeContext> context_;
};

}  // namespace sluice::testing
