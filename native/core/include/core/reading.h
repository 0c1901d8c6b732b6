// The inputs of a decision, read from a key's state under one policy.
#pragma once

#include <array>
#include <cstdint>

#include "core/time.h"

namespace sluice {

/// Up to three whole numbers, relative to the time of the call; each algorithm's header defines
/// them. The memory store reads them from its tables, the Redis link from the script's reply, and
/// the same functions turn both into decisions.
struct Reading {
  std::array<std::int64_t, 3> numbers{};
  /// The rest of a block of this key (see Policy::block_for); 0 if there is none.
  Nanos blocked{0};
};

}  // namespace sluice
