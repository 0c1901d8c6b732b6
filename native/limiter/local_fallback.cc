#include "local_fallback.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "request_keys.h"

namespace sluice {

using Kind = Operation::Kind;

bool LocalFallback::Answer(const redis::Request& request, Result& result) {
  const bool own = request.options && request.options->charged_locally;
  const bool mirrored = request.kind == Kind::kReset || request.kind == Kind::kBlock ||
                        request.kind == Kind::kUnblock;
  if (own || mirrored) Execute(request, request, result);
  return own;
}

void LocalFallback::Decide(const redis::Request& request, Result& result) const {
  Operation operation = request;
  if (share_ != 1 && request.options && request.options->limits != kOwnLimits) {
    auto options = std::make_shared<Operation::Options>(*request.options);
    for (std::size_t i = 0; i < limiter_.policies().size(); ++i) {
      options->limits[i] = ShareOf(options->limits[i], limiter_.policies()[i].algorithm);
    }
    operation.options = std::move(options);
  }
  Execute(request, operation, result);
  result.source = Source::kLocal;
}

void LocalFallback::Execute(const redis::Request& request, const Operation& operation,
                            Result& result) const {
  std::array<KeyHash, kMaxPolicies> keys;
  std::size_t count = 0;
  // The memory store has no shards: keys in different shards are different keys.
  std::string prefix;
  if (request.keys && request.keys->shard) prefix.append(request.keys->shard->view()).append("}");
  VisitKeys(request, [&](std::string_view key) {
    keys[count++] = limiter_.Hash(prefix.empty() ? key : prefix + std::string(key));
  });
  limiter_.Execute(std::span(keys).first(count), operation, clock_->Now(), result);
}

// kOwnLimit stays, and so does 0, which admits nothing. A slower rate may not take a limit as large
// as the policy in Redis does.
std::int64_t LocalFallback::ShareOf(std::int64_t limit, const Algorithm& algorithm) const {
  if (limit <= 0) return limit;
  const auto part = static_cast<std::int64_t>(static_cast<double>(limit) * share_);
  return std::clamp<std::int64_t>(part, 1, LargestLimit(algorithm));
}

}  // namespace sluice
