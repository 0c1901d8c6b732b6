// What the limiters of this process say of the policies that they share on a server.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

namespace sluice {

/// That, under `scope` (a server and a prefix), the policy called `name` has these numbers. As long
/// as one claim lives, a name cannot be claimed with others: limiters that share a state by its
/// name must agree on it. Movable; the functions are thread safe.
class PolicyClaim {
 public:
  /// None if the name is claimed with another description.
  static std::optional<PolicyClaim> Make(std::string_view scope, std::string_view name,
                                         std::string_view description);

 private:
  struct Entry;
  explicit PolicyClaim(std::shared_ptr<const Entry> entry) : entry_(std::move(entry)) {}

  std::shared_ptr<const Entry> entry_;
};

}  // namespace sluice
