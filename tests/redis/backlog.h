// The backlog in a result.
#pragma once

#include <cstddef>

#include "redis/request.h"

namespace sluice::redis {

/// The backlog before the call, under a TAT policy.
inline Nanos BacklogOf(const Completion& completion, std::size_t policy) {
  return Nanos{completion.readings[policy].numbers[0]};
}

}  // namespace sluice::redis
