// The backends of the process, one for each set of servers.
#include "redis/connect.h"

#include <map>
#include <mutex>

#include "io_thread.h"

namespace sluice::redis {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<ServerSet, std::weak_ptr<Gateway>> backends;
};

// Never destroyed: backends may be released while the process ends.
Registry& TheRegistry() {
  static auto* const registry = new Registry;
  return *registry;
}

}  // namespace

std::shared_ptr<Gateway> Connect(const ServerSet& set) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  std::erase_if(registry.backends, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<Gateway>& slot = registry.backends[set];
  std::shared_ptr<Gateway> backend = slot.lock();
  if (!backend) slot = backend = StartIoThread(set);
  return backend;
}

std::shared_ptr<Gateway> Connect(const Endpoint& server) {
  return Connect(ServerSet::Single(server));
}

}  // namespace sluice::redis
