// What the limiters of this process say of the policies that they share on a server.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace sluice {

/// That, under `scope` (a server and a prefix), the policy called `name` has these numbers. As long
/// as one claim lives, a name cannot be claimed with others: limiters that share a state by its
/// name must agree on it. Movable; the functions are thread safe.
class PolicyClaim {
 public:
  /// A claim that lives.
  struct Other {
    std::string description;
    std::string place;
  };

  /// `place`: where the claim comes from, for people; may be empty. The other claim, if the name is
  /// claimed with another description.
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
