// The thread that moves bytes between a Router's conversations and the network. Holds no rules of
// its own.
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
  /// Starts the thread. Throws std::system_error if there is none to be had.
  explicit IoThread(const ServerSet& set);
  /// Ends it; what is unanswered gets kClosed. Waits for the thread, unless called on it.
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

  // The thread owns its share: it may outlive this object when that ends on the thread itself.
  std::shared_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace sluice::redis
