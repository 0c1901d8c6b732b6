// The process's list of named memory stores.
#include "store/store_registry.h"

#include <map>
#include <mutex>
#include <string>

namespace sluice {
namespace {

struct Entry {
  std::weak_ptr<MemoryStore> store;
  bool external_clock = false;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Entry, std::less<>> entries;
};

// Never destroyed: threads may outlive the process's static objects.
Registry& TheRegistry() {
  static auto* registry = new Registry;
  return *registry;
}

}  // namespace

std::shared_ptr<MemoryStore> OpenNamedStore(std::string_view name,
                                            const MemoryStore::Options& options,
                                            bool external_clock) {
  Registry& registry = TheRegistry();
  const std::scoped_lock lock(registry.mutex);
  std::erase_if(registry.entries, [](const auto& e) { return e.second.store.expired(); });
  if (const auto found = registry.entries.find(name); found != registry.entries.end()) {
    std::shared_ptr<MemoryStore> open = found->second.store.lock();
    if (open != nullptr) {
      const bool same = open->options().max_keys == options.max_keys &&
                        found->second.external_clock == external_clock;
      return same ? open : nullptr;
    }
  }
  auto store = std::make_shared<MemoryStore>(options);
  registry.entries.insert_or_assign(std::string(name), Entry{store, external_clock});
  return store;
}

}  // namespace sluice
