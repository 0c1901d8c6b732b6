// A Redis server as the limiters of a process see it: questions in, answers out, no waiting.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "redis/endpoint.h"
#include "redis/gateway.h"
#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

class IoThread;

/// Thread safe. One connection and one I/O thread, shared by all who name the same endpoint.
///
/// The link connects when the client is made and reconnects for as long as it lives. When the last
/// owner lets go, requests still under way are answered with kClosed and the I/O thread ends; that
/// may happen on any thread, the I/O thread (a sink that owns the client) included.
class Client final : public Gateway {
 public:
  /// The process's client for this endpoint; makes one if there is none.
  /// Throws std::system_error if the system has no thread or file descriptor left.
  static std::shared_ptr<Client> Acquire(const Endpoint& endpoint);

  ~Client() override;

  void Submit(std::vector<Request>&& requests) override;
  /// As of the I/O thread's last turn.
  std::vector<NodeStats> stats() const override;
  void Watch(const std::shared_ptr<Watcher>& watcher) override;

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  explicit Client(const Endpoint& endpoint);

  const Endpoint endpoint_;
  std::unique_ptr<IoThread> io_;
};

}  // namespace sluice::redis
