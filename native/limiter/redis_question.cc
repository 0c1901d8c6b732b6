// Copies what few questions say.
#include "redis_question.h"

#include <array>
#include <string>
#include <string_view>

namespace sluice {
namespace {

using Kind = redis::Request::Kind;

// 32 hexadecimal digits.
std::string HolderText(HolderId holder) {
  std::string text;
  for (const std::uint64_t half : {holder.high, holder.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      text.push_back("0123456789abcdef"[half >> shift & 15]);
    }
  }
  return text;
}

// So that distinct lists of texts give distinct texts.
void AppendFramed(std::string_view text, std::string& out) {
  out.append(std::to_string(text.size())).append(":").append(text);
}

// Debits and credits have ids of their own, which nobody else can name.
std::string IdDigest(const RedisLimiter::Question& question, const IdScope& ids) {
  const RedisLimiter::Details& said = *question.details;
  const bool of_check = question.kind == Kind::kCheck || question.kind == Kind::kAbort;
  std::string text = of_check ? "check" : "change";
  AppendFramed(ids.limiter, text);
  AppendFramed(said.id, text);
  for (const std::string& key : said.keys) AppendFramed(key, text);
  std::string digest;
  redis::AppendDigest(text, digest);
  return digest;
}

std::string PrintDigest(const RedisLimiter::Question& question, const redis::PolicySet& set,
                        const IdScope& ids) {
  std::string text;
  AppendFramed(ids.plan, text);
  const auto asks = AsksOf(question, set.size());
  for (std::size_t i = 0; i < set.size(); ++i) {
    AppendFramed(set.policies()[i].name, text);
    AppendFramed(StateTag(set.policies()[i].algorithm), text);
    AppendFramed(std::to_string(asks[i].cost), text);
    AppendFramed(std::to_string(asks[i].limit), text);
  }
  std::string digest;
  redis::AppendDigest(text, digest);
  return digest;
}

}  // namespace

std::shared_ptr<const redis::Details> RedisDetails(const RedisLimiter::Question& question,
                                                   const redis::PolicySet& set,
                                                   const IdScope& ids) {
  if (!question.details) return nullptr;
  const RedisLimiter::Details& said = *question.details;
  auto details = std::make_shared<redis::Details>();
  details->keys.reserve(said.keys.size());
  for (const std::string& key : said.keys) details->keys.emplace_back(key);
  if (said.shard) details->shard.emplace(*said.shard);
  details->limits = said.limits;
  details->max_wait = said.max_wait;
  details->marks = said.marks;
  if (said.holder != HolderId{}) details->holder = HolderText(said.holder);
  details->block_for = said.block_for;
  details->which = said.which;
  if (!said.id.empty()) {
    details->id = IdDigest(question, ids);
    details->print = PrintDigest(question, set, ids);
  }
  return details;
}

std::string_view CallerOf(const RedisLimiter::Question& question, const redis::EscapedKey& key,
                          std::string& buffer) {
  if (!question.details || question.details->keys.empty()) return key.view();
  // No escaped key has a brace in it.
  buffer.clear();
  if (question.details->shard) redis::AppendEscapedKey(*question.details->shard, buffer);
  for (const std::string& one : question.details->keys) {
    redis::AppendEscapedKey(one, buffer.append("}"));
  }
  return buffer;
}

std::array<Ask, kMaxPolicies> AsksOf(const RedisLimiter::Question& question, std::size_t count) {
  std::array<Ask, kMaxPolicies> asks;
  for (std::size_t i = 0; i < count; ++i) {
    asks[i] = {.cost = question.costs[i],
               .limit = question.details ? question.details->limits[i] : kOwnLimit};
  }
  return asks;
}

}  // namespace sluice
