#include "local_fallback.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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

Operation LocalFallback::OperationOf(const RedisLimiter::Question& question) const {
  Operation operation{.kind = question.kind, .costs = question.costs};
  if (!question.details) return operation;
  const RedisLimiter::Details& details = *question.details;
  auto options = std::make_shared<Operation::Options>();
  for (std::size_t i = 0; i < limiter_.policies().size(); ++i) {
    options->limits[i] = ShareOf(details.limits[i], limiter_.policies()[i].algorithm);
  }
  options->max_wait = details.max_wait;
  options->marks = details.marks;
  options->holder = details.holder;
  options->id = details.id;
  options->block_for = details.block_for;
  options->which = details.which;
  operation.options = std::move(options);
  return operation;
}

bool LocalFallback::Decide(const RedisLimiter::Question& question, const Keys& keys, Nanos now,
                           Verdict& verdict) const {
  limiter_.Execute(keys.all(), OperationOf(question), now, verdict);
  return !verdict.id_reused;
}

bool LocalFallback::Do(const RedisLimiter::Question& question, const Keys& keys, Nanos now) const {
  if (question.kind < Kind::kCredit || question.kind > Kind::kRenew) return false;
  Result result;
  limiter_.Execute(keys.all(), OperationOf(question), now, result);
  return result.done;
}

void LocalFallback::Follow(const RedisLimiter::Question& question, const Keys& keys,
                           Nanos now) const {
  const bool lasts = question.kind == Kind::kReset || question.kind == Kind::kUnblock ||
                     (question.kind == Kind::kBlock && question.details);
  if (!lasts) return;
  Result result;
  limiter_.Execute(keys.all(), OperationOf(question), now, result);
}

}  // namespace sluice
