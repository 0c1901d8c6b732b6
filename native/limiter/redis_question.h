// A limiter's question as the request that goes to Redis.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "limiter/redis_limiter.h"
#include "redis/request.h"

namespace sluice {

/// What the request says besides kind, key and costs; null if nothing.
std::shared_ptr<const redis::Details> RedisDetails(const RedisLimiter::Question& question,
                                                   const redis::PolicySet& set, const IdScope& ids);

/// Whether the failure rule decides what Redis does not answer.
inline bool Decides(redis::Request::Kind kind) {
  return kind == redis::Request::Kind::kCheck || kind == redis::Request::Kind::kPeek;
}

/// Whether a check asks by the policies' own limits, for an answer now, and for the first time as
/// far as anybody knows.
inline bool IsCommon(const RedisLimiter::Question& question) {
  if (!question.details) return true;
  return question.details->max_wait == kNoWait && question.details->id.empty() &&
         question.details->limits == kOwnLimits;
}

/// Names who is limited, shard included: distinct keys distinctly, in bounded length. `key` is the
/// question's own, escaped; the result is a part of it or of `buffer`.
std::string_view CallerOf(const RedisLimiter::Question& question, const redis::EscapedKey& key,
                          std::string& buffer);

/// The first `count` are what a check or peek asks of each policy.
std::array<Ask, kMaxPolicies> AsksOf(const RedisLimiter::Question& question, std::size_t count);

}  // namespace sluice
