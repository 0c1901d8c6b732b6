// The receiver of requests, independent of who owns the connection.
#pragma once

#include <memory>
#include <vector>

#include "redis/metadata.h"
#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

class Backend {
 public:
  Backend() = default;
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  /// Takes requests; never waits for the network. Answers come through each one's sink.
  virtual void Submit(std::vector<Request>&& requests) = 0;

  /// Publishes it on the servers for as long as the caller holds it; see redis/metadata.h.
  virtual void Publish(const std::shared_ptr<const Metadata>& metadata) = 0;

  /// Statistics of each server.
  virtual std::vector<NodeStats> stats() const = 0;
  /// Statistics of requests that reached no server, or a former one.
  virtual SessionStats others() const { return {}; }

  /// Subscribes `watcher` (held weakly) to breaker changes and server warnings; replays current
  /// warnings. Subscribing twice has no effect.
  virtual void Watch(const std::shared_ptr<Watcher>& watcher) = 0;
};

}  // namespace sluice::redis
