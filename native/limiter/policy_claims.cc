// The process-wide registry of claims.
#include "limiter/policy_claims.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

struct PolicyClaim::Entry {
  std::string description;
  /// The place of each live claim. Guarded by the registry's mutex.
  mutable std::vector<std::weak_ptr<const std::string>> places{};
};

std::variant<PolicyClaim, PolicyClaim::Other> PolicyClaim::Make(std::string_view scope,
                                                                std::string_view name,
                                                                std::string_view description,
                                                                std::string_view place) {
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
  auto& places = entry->places;
  std::erase_if(places, [](const auto& one) { return one.expired(); });
  if (entry->description != description) {
    const auto first = places.empty() ? nullptr : places.front().lock();
    return Other{.description = entry->description, .place = first ? *first : std::string()};
  }
  auto own = std::make_shared<const std::string>(place);
  places.push_back(own);
  return PolicyClaim(std::move(entry), std::move(own));
}

}  // namespace sluice
