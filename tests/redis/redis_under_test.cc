// Vectors, traces and the store contract on the shipped script.
#include "redis/redis_under_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "limiter/redis_decide.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using Kind = redis::Request::Kind;

// Throws if the fast path and the general one decide differently.
void ExpectSameWithOptions(redis::Request request, const redis::Completion& completion,
                           const Result& result) {
  if (request.options) return;
  request.options = std::make_shared<Operation::Options>();
  Result other;
  DecideByReply(request, completion, other);
  if (result.allowed != other.allowed ||
      !std::ranges::equal(result.Decisions(), other.Decisions(), Same)) {
    throw std::logic_error("a check without options is decided otherwise");
  }
}

// The mark that `mark`, modulo the modulus, is of a charge made at `at`.
std::int64_t UnreducedMark(std::int64_t mark, Nanos at) {
  constexpr std::int64_t kModulus = TatAlgorithm::kWireModulus;
  return at.count() + ((mark - at.count()) % kModulus + kModulus) % kModulus;
}

}  // namespace

std::string FreshPrefix() {
  static int count = 0;
  return "t" + std::to_string(++count);
}

std::string DigestOf(std::string_view text) {
  std::string digest;
  redis::AppendDigest(text, digest);
  return digest;
}

std::string HolderText(HolderId holder) {
  std::array<char, 33> text;
  std::snprintf(text.data(), text.size(), "%016" PRIx64 "%016" PRIx64, holder.high, holder.low);
  return text.data();
}

bool DecideFrom(const redis::Request& request, const redis::Completion& completion,
                std::span<Decision> decisions) {
  Result result;
  DecideByReply(request, completion, result);
  ExpectSameWithOptions(request, completion, result);
  std::ranges::copy(result.Decisions(), decisions.begin());
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (!IsTat(request.set->policies()[i].algorithm)) continue;
    const bool is_old = result.replayed && (completion.replay->again >> i & 1) == 0;
    decisions[i].mark =
        UnreducedMark(decisions[i].mark, is_old ? completion.replay->at : completion.at);
  }
  return result.allowed;
}

bool StillKnown(const Policy& policy, std::int64_t mark, Nanos now) {
  return !IsTat(policy.algorithm) || now - Nanos{mark} < std::chrono::days(4);
}

redis::Request RequestFor(Kind kind, const std::shared_ptr<const redis::PolicySet>& set,
                          std::string_view key, const Subject::Question& question) {
  redis::Request request;
  request.kind = kind;
  request.set = set;
  request.key = redis::EscapedKey(key);
  auto options = std::make_shared<Operation::Options>();
  bool plain = question.max_wait == kNoWait;
  std::vector<std::int64_t> costs;
  for (std::size_t i = 0; i < set->size(); ++i) {
    costs.push_back(question.asks[i].cost);
    options->limits[i] = question.asks[i].limit;
    plain = plain && question.asks[i].limit == kOwnLimit;
    plain = plain && !std::holds_alternative<Concurrency>(set->policies()[i].algorithm);
  }
  request.costs = Costs(costs);
  options->max_wait = question.max_wait;
  options->holder = question.holder;
  if (!plain) request.options = std::move(options);
  return request;
}

redis::Request RedisSubject::Ask(Kind kind) const {
  redis::Request request;
  request.kind = kind;
  request.set = set_;
  request.key = redis::EscapedKey(key_);
  return request;
}

redis::Completion RedisSubject::Run(const redis::Request& request) const {
  redis::Completion completion = redis_->Run(std::span(&request, 1))[0];
  EXPECT_EQ(completion.fault, redis::Fault::kNone) << completion.detail;
  return completion;
}

bool RedisSubject::Decide(Kind kind, const Question& question, std::span<Decision> decisions) {
  const redis::Request request = RequestFor(kind, set_, key_, question);
  return DecideFrom(request, Run(request), decisions);
}

bool RedisSubject::Check(const Question& question, Nanos now, std::span<Decision> decisions) {
  redis_->SetTime(now);
  return Decide(Kind::kCheck, question, decisions);
}

bool RedisSubject::Peek(const Question& question, Nanos now, std::span<Decision> decisions) {
  redis_->LookAt(now);
  return Decide(Kind::kPeek, question, decisions);
}

bool RedisSubject::Change(Kind kind, Units units, Marks marks, Nanos now) {
  redis_->SetTime(now);
  redis::Request request = Ask(kind);
  std::vector<std::int64_t> known(units.begin(), units.end());
  if (!marks.empty()) {
    auto options = std::make_shared<Operation::Options>();
    std::ranges::copy(marks, options->marks.emplace().begin());
    request.options = std::move(options);
    for (std::size_t i = 0; i < marks.size(); ++i) {
      if (!StillKnown(set_->policies()[i], marks[i], now)) known[i] = 0;
    }
  }
  request.costs = Costs(known);
  return Run(request).done;
}

void RedisSubject::Debit(Units units, Nanos now) { Change(Kind::kDebit, units, {}, now); }
void RedisSubject::Credit(Units units, Marks marks, Nanos now) {
  Change(Kind::kCredit, units, marks, now);
}
bool RedisSubject::Abort(Units units, Marks marks, Nanos now) {
  return Change(Kind::kAbort, units, marks, now);
}

bool RedisSubject::Slot(Kind kind, HolderId holder, Nanos now) {
  redis_->SetTime(now);
  redis::Request request = Ask(kind);
  request.options = std::make_shared<Operation::Options>(Operation::Options{.holder = holder});
  return Run(request).done;
}

bool RedisSubject::Release(HolderId holder, Nanos now) { return Slot(Kind::kRelease, holder, now); }
bool RedisSubject::Renew(HolderId holder, Nanos now) { return Slot(Kind::kRenew, holder, now); }

void RedisSubject::SetBlock(Kind kind, std::span<const std::size_t> which, Nanos span, Nanos now) {
  if (which.empty()) return;
  redis_->SetTime(now);
  redis::Request request = Ask(kind);
  request.options = std::make_shared<Operation::Options>(
      Operation::Options{.block_for = span, .which = BitsOf(which)});
  Run(request);
}

void RedisSubject::Block(std::span<const std::size_t> which, Nanos span, Nanos now) {
  SetBlock(Kind::kBlock, which, span, now);
}
void RedisSubject::Unblock(std::span<const std::size_t> which, Nanos now) {
  SetBlock(Kind::kUnblock, which, Nanos{0}, now);
}

void RedisSubject::Reset(Nanos now) {
  redis_->SetTime(now);
  redis_->Reset(Ask(Kind::kReset));
}

bool RedisSubject::Dropped(std::size_t policy, Nanos now) {
  redis_->SetTime(now);
  return !redis_->Holds(VirtualRedis::NameOf(Ask(Kind::kPeek), policy));
}

bool RedisSubject::DroppedBlock(std::size_t policy, Nanos now) {
  redis_->SetTime(now);
  return !redis_->HoldsText(VirtualRedis::NameOf(Ask(Kind::kPeek), policy));
}

}  // namespace sluice::testing
