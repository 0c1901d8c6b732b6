// What the script is told of a request: its mode, and the numbers of each policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "redis/request.h"

namespace sluice::redis {

/// One policy's numbers; see ARGV in scripts/check.lua.
struct ScriptNumbers {
  char kind = 't';
  int options = 0;
  std::int64_t block = 0;
  std::int64_t cost = 0;
  std::int64_t limit = 0;
  std::int64_t window = 0;
};

/// What a request without details says.
const Details& DetailsOf(const Request& request);

/// The mode of the group that the request belongs to.
std::string_view ScriptMode(const Request& request);
/// Whether that is one of the two for plain TAT policies, of whose numbers only cost and limit are
/// said.
constexpr bool IsQuickMode(std::string_view mode) { return mode.size() == 1; }

ScriptNumbers NumbersFor(const Request& request, std::size_t policy);

/// Whether two requests that are neighbours can belong to one group: the script is told the same of
/// both, but for keys and holders.
bool SameGroup(const Request& a, const Request& b);

/// Whether the script is told the request's id.
bool TellsId(const Request& request);

/// Whether the script is told who holds the slots.
bool NamesHolder(const Request& request);

/// How many integers a reading of this algorithm has.
std::size_t NumbersRead(const Algorithm& algorithm);

/// Whether an admitted check takes anything: Judge's charge, for readings before it.
bool Charges(const Request& request, const Completion& completion);

}  // namespace sluice::redis
