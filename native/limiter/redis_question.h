// A limiter's question as the request that goes to Redis.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "limiter/redis_limiter.h"
#include "redis/request.h"

namespace sluice {

/// What the request says besides kind, key and costs; null if nothing.
std::shared_ptr<const redis::Details> RedisDetails(const RedisLimiter::Question& question);

/// Whether the failure rule decides what Redis does not answer.
inline bool Decides(redis::Request::Kind kind) {
  return kind == redis::Request::Kind::kCheck || kind == redis::Request::Kind::kPeek;
}

/// The first `count` are what a check or peek asks of each policy.
std::array<Ask, kMaxPolicies> AsksOf(const RedisLimiter::Question& question, std::size_t count);

}  // namespace sluice
