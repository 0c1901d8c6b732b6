// The numbers that this process's limiters give to shared policies on a server.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace sluice {

/// Claims that, under `scope` (a server and a prefix), the policy `name` has these numbers. While a
/// claim exists, the name cannot be claimed with other numbers: limiters that share a state by its
/// name must agree on it. Movable; the functions are thread safe.
class PolicyClaim {
 public:
  /// An existing claim.
  struct Other {
    std::string description;
    std::string place;
  };

  /// `place` is the origin of the claim, for people; may be empty. Returns the other claim if the
  /// name is claimed with another description.
  static std::variant<PolicyClaim, Other> Make(std::string_view scope, std::string_view name,
                                               std::string_view description,
                                               std::string_view place);

 private:
  struct Entry;
  PolicyClaim(std::shared_ptr<const Entry> entry, std::shared_ptr<const std::string> place)
      : entry_(std::move(entry)), place_(std::move(place)) {}

  std::shared_ptr<const Entry> entry_;
  std::shared_ptr<const std::string> place_;
};

}  // namespace sluice
