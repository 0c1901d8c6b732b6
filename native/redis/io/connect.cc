// The backends of the process, one for each set of servers.
#include "redis/connect.h"

#include <map>
#include <mutex>
#include <utility>

#include "io_thread.h"

namespace sluice::redis {
namespace {

struct Registry {
  // Recursive: if Connect fails half-way, the deleter runs under its lock.
  std::recursive_mutex mutex;
  std::map<ServerSet, std::weak_ptr<Backend>> backends;
};

// Never destroyed: backends may be released while the process ends.
Registry& TheRegistry() {
  static auto* const registry = new Registry;
  return *registry;
}

// The keys hold passwords.
void DropExpired(Registry& registry) {
  const std::lock_guard lock(registry.mutex);
  std::erase_if(registry.backends, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace

std::shared_ptr<Backend> Connect(const ServerSet& set) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (const auto at = registry.backends.find(set); at != registry.backends.end()) {
    if (auto known = at->second.lock()) return known;
  }
  auto made = StartIoThread(set);
  Backend* const backend = made.get();
  std::shared_ptr<Backend> shared(backend, [made = std::move(made), &registry](Backend*) mutable {
    made = nullptr;
    DropExpired(registry);
  });
  registry.backends.insert_or_assign(set, shared);
  return shared;
}

std::shared_ptr<Backend> Connect(const Endpoint& server) {
  return Connect(ServerSet::Single(server));
}

}  // namespace sluice::redis
