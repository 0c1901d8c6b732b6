// The process's list of claims.
#include "limiter/policy_claims.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace sluice {

struct PolicyClaim::Entry {
  std::string description;
};

std::optional<PolicyClaim> PolicyClaim::Make(std::string_view scope, std::string_view name,
                                             std::string_view description) {
  using Key = std::pair<std::string, std::string>;
  struct Registry {
    std::mutex mutex;
    std::map<Key, std::weak_ptr<const Entry>> entries;
  };
  // Never destroyed: threads may outlive the process's static objects.
  static auto* registry = new Registry;

  const std::scoped_lock lock(registry->mutex);
  std::erase_if(registry->entries, [](const auto& e) { return e.second.expired(); });
  auto& held = registry->entries[{std::string(scope), std::string(name)}];
  std::shared_ptr<const Entry> entry = held.lock();
  if (entry == nullptr) {
    entry = std::make_shared<const Entry>(Entry{std::string(description)});
    held = entry;
  }
  if (entry->description != description) return std::nullopt;
  return PolicyClaim(std::move(entry));
}

}  // namespace sluice
