// What a decision has to know of a key's state under one policy, whoever keeps that state.
#pragma once

#include <array>
#include <cstdint>

#include "core/time.h"

namespace sluice {

/// Up to three whole numbers, relative to the moment of the call; each algorithm's header says
/// which. The memory store reads them from its tables, the Redis link from the script's reply, and
/// the same functions make decisions of both.
struct Reading {
  std::array<std::int64_t, 3> numbers{};
  /// What is left of a block of this key (see Policy::block_for); 0 when there is none.
  Nanos blocked{0};
};

}  // namespace sluice
