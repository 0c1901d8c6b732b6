// A process's connection to a Redis server, or to several that belong together: requests in,
// answers out, no waiting.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "redis/endpoint.h"
#include "redis/gateway.h"
#include "redis/request.h"
#include "redis/server_set.h"
#include "redis/stats.h"

namespace sluice::redis {

class IoThread;

/// Thread safe. Has one connection to each server and one I/O thread, for all users with the same
/// servers and credentials.
///
/// It connects when it is made, and reconnects while it exists. When the last owner releases it,
/// requests in flight are answered with kClosed and the I/O thread ends. That may happen on any
/// thread, even the I/O thread (by a sink that owns the client).
class Client final : public Gateway {
 public:
  /// The process's client for these servers; makes one if there is none.
  /// Throws std::system_error if the system has no thread or file descriptor left.
  static std::shared_ptr<Client> Acquire(const ServerSet& set);
  /// The same for one server.
  static std::shared_ptr<Client> Acquire(const Endpoint& server);

  ~Client() override;

  void Submit(std::vector<Request>&& requests) override;
  void PutUp(const std::shared_ptr<const Notice>& notice) override;
  /// As of the I/O thread's last turn.
  std::vector<NodeStats> stats() const override;
  LinkStats others() const override;
  void Watch(const std::shared_ptr<Watcher>& watcher) override;

  const ServerSet& servers() const { return set_; }

 private:
  explicit Client(const ServerSet& set);

  const ServerSet set_;
  std::unique_ptr<IoThread> io_;
};

}  // namespace sluice::redis
