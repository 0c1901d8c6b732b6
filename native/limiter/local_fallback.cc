// Hands questions to a memory limiter.
#include "local_fallback.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "redis_question.h"

namespace sluice {
namespace {

using Kind = redis::Request::Kind;

// This store has no shards: two shards' keys are two keys.
std::string KeyInShard(const std::string& shard, const std::string& key) {
  return std::to_string(shard.size()) + ":" + shard + key;
}

}  // namespace

LocalFallback::Keys LocalFallback::KeysOf(const RedisLimiter::Question& question) const {
  Keys keys;
  if (question.details) {
    const std::optional<std::string>& shard = question.details->shard;
    for (const std::string& key : question.details->keys) {
      keys.many_.push_back(limiter_.Hash(shard ? KeyInShard(*shard, key) : key));
    }
  }
  if (keys.many_.empty()) keys.one_ = limiter_.Hash(question.key);
  return keys;
}

// kOwnLimit stays as it is, and so does 0, which admits nothing anywhere. A slower rate may take no
// limit as large as the policy in Redis did.
std::int64_t LocalFallback::ShareOf(std::int64_t limit, const Algorithm& algorithm) const {
  if (limit <= 0 || share_ == 1) return limit;
  const auto part = static_cast<std::int64_t>(static_cast<double>(limit) * share_);
  return std::clamp<std::int64_t>(part, 1, LargestLimit(algorithm));
}

bool LocalFallback::Decide(const RedisLimiter::Question& question, const Keys& keys, Nanos now,
                           Verdict& verdict) const {
  const std::size_t count = limiter_.policies().size();
  auto asks = AsksOf(question, count);
  for (std::size_t i = 0; i < count; ++i) {
    asks[i].limit = ShareOf(asks[i].limit, limiter_.policies()[i].algorithm);
  }
  MemoryStore::Question local{.asks = std::span(asks).first(count)};
  if (question.details) {
    local.max_wait = question.details->max_wait;
    local.holder = question.details->holder;
  }
  if (question.kind == Kind::kPeek) {
    limiter_.Peek(keys.all(), local, now, verdict);
  } else if (question.details && !question.details->id.empty()) {
    return limiter_.CheckOnce(keys.all(), local, question.details->id, now, verdict);
  } else {
    limiter_.Check(keys.all(), local, now, verdict);
  }
  return true;
}

bool LocalFallback::Do(const RedisLimiter::Question& question, const Keys& keys, Nanos now) const {
  const std::size_t count = limiter_.policies().size();
  const auto all_units = question.costs.Spread(count);
  const std::span units = std::span(all_units).first(count);
  const RedisLimiter::Details& details = *question.details;
  const auto marks =
      details.marks ? std::span(*details.marks).first(count) : std::span<const std::int64_t>();
  switch (question.kind) {
    case Kind::kCredit:
      limiter_.Credit(keys.all(), units, marks, now);
      return false;
    case Kind::kAbort:
      if (!details.id.empty()) limiter_.ForgetId(keys.all(), details.id, now);
      return limiter_.Abort(keys.all(), units, marks, details.limits, now);
    case Kind::kRelease:
      return limiter_.Release(keys.all(), details.holder, now);
    case Kind::kRenew:
      return limiter_.Renew(keys.all(), details.holder, now);
    default:
      return false;  // no other kind refers to a charge
  }
}

void LocalFallback::Follow(const RedisLimiter::Question& question, const Keys& keys,
                           Nanos now) const {
  const PolicyBits which = question.details ? question.details->which : 0;
  if (question.kind == Kind::kReset) {
    limiter_.Reset(keys.all());
  } else if (question.kind == Kind::kBlock && question.details) {
    limiter_.Block(keys.all(), which, question.details->block_for, now);
  } else if (question.kind == Kind::kUnblock) {
    limiter_.Unblock(keys.all(), which);
  }
}

}  // namespace sluice
