// The script's view of a request: its mode, and the numbers of each policy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "redis/request.h"

namespace sluice::redis {

/// One policy's numbers; see ARGV in scripts/check.lua.
struct ScriptNumbers {
  char kind = 't';
  int options = 0;
  std::int64_t block = 0;
  std::int64_t cost = 0;
  /// Set in the modes credit and abort.
  std::optional<std::int64_t> mark;
  /// WireNumbers of the algorithm; the first `count` are set.
  std::array<std::int64_t, 4> own{};
  std::size_t count = 0;
  /// The cost of one unit. Sent with ledgers.
  std::int64_t unit = 1;
  /// Whether a settled usage names this policy; for a new reservation, whether the policy may admit
  /// it. Sent for reservations.
  bool given = false;

  std::span<const std::int64_t> Own() const { return std::span(own).first(count); }
};

/// The options of the request; the defaults where it has none.
const Operation::Options& OptionsOf(const Request& request);

/// The mode of the group that the request belongs to.
std::string_view ScriptMode(const Request& request);
/// Whether the script gets the ledgers of the request's states.
bool NamesLedgers(const Request& request);
/// Whether the mode is one of those for reservations.
bool IsReservationMode(const Request& request);
/// Whether the mode is one of the two for plain TAT policies, which send only the cost and the
/// first of their own numbers.
constexpr bool IsQuickMode(std::string_view mode) { return mode.size() == 1; }

ScriptNumbers NumbersFor(const Request& request, std::size_t policy);

/// Whether two neighbouring requests can belong to one group: the script gets the same numbers for
/// both, except keys and holders.
bool SameGroup(const Request& a, const Request& b);

/// Whether the script gets the request's id.
bool TellsId(const Request& request);

/// Whether the script gets the holder of the slots.
bool NamesHolder(const Request& request);

}  // namespace sluice::redis
