// The thread that moves bytes between a Router's conversations and the network. It contains no
// rules.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "redis/notices.h"
#include "redis/request.h"
#include "redis/server_set.h"
#include "redis/stats.h"

namespace sluice::redis {

class IoThread {
 public:
  /// Starts the thread. Throws std::system_error if the system has no thread left.
  explicit IoThread(const ServerSet& set);
  /// Ends the thread; unanswered requests get kClosed. Waits for it, unless called on it.
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  /// Thread safe.
  void Submit(std::vector<Request>&& requests);
  void PutUp(const std::shared_ptr<const Notice>& notice);
  std::vector<NodeStats> stats() const;
  LinkStats others() const;
  void Watch(const std::shared_ptr<Watcher>& watcher);

 private:
  class Loop;

  // Shared with the thread, which may outlive this object if that ends on the thread itself.
  std::shared_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace sluice::redis
