// Where requests go to be answered, whoever owns the connection.
#pragma once

#include <memory>
#include <vector>

#include "redis/notices.h"
#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

class Gateway {
 public:
  Gateway() = default;
  virtual ~Gateway() = default;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Hands requests over; never waits for the network. Answers come through each one's sink.
  virtual void Submit(std::vector<Request>&& requests) = 0;

  /// Has the servers show it for as long as someone else holds it; see redis/notices.h.
  virtual void PutUp(const std::shared_ptr<const Notice>& notice) = 0;

  /// Of each server.
  virtual std::vector<NodeStats> stats() const = 0;
  /// Of what came to none of them, and of servers that are not among them any more.
  virtual LinkStats others() const { return {}; }

  /// Tells `watcher`, for as long as it lives, of the breakers' changes from now on, and of what is
  /// wrong with servers, at once of what is known. It is told once, however often it is named.
  virtual void Watch(const std::shared_ptr<Watcher>& watcher) = 0;
};

}  // namespace sluice::redis
