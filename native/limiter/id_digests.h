// Idempotency keys as Redis is given them.
#pragma once

#include <memory>

#include "limiter/redis_limiter.h"
#include "redis/request.h"

namespace sluice {

/// Null for an operation without an id. Part of the format in Redis.
std::shared_ptr<const redis::IdDigests> DigestsOf(const Operation& operation,
                                                  const RedisLimiter::Key& key,
                                                  const redis::PolicySet& set, const IdScope& ids);

}  // namespace sluice
