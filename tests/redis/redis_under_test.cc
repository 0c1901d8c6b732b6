// Subjects over the shipped script.
#include "redis/redis_under_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "support/policies.h"

namespace sluice::testing {
namespace {

using Kind = redis::Request::Kind;

constexpr Nanos kModulus{9'000'000'000'000'000};

void ExpectSameAsDecideTats(const redis::Request& request, const redis::Completion& completion,
                            const Moment& now, std::span<const Decision> decisions, bool allowed) {
  std::vector<Nanos> backlogs;
  for (std::size_t i = 0; i < request.set->size(); ++i) {
    const Reading& reading = completion.readings[i];
    if (reading.blocked > Nanos{0} ||
        (request.details && request.details->limits[i] != kOwnLimit)) {
      return;
    }
    backlogs.emplace_back(reading.numbers[0]);
  }
  if (!request.set->plain() || (request.details && request.details->max_wait != kNoWait)) return;
  std::vector<Decision> quick(decisions.size());
  const auto costs = request.costs.Spread(quick.size());
  bool same = DecideTats(request.set->policies(), std::span(costs).first(quick.size()), backlogs,
                         now.now, quick) == allowed;
  for (std::size_t i = 0; i < quick.size(); ++i) same = same && Same(quick[i], decisions[i]);
  if (!same) throw std::logic_error("DecideTats answers otherwise than Judge and Describe");
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
  const std::size_t count = request.set->size();
  std::array<Ask, kMaxPolicies> asks;
  for (std::size_t i = 0; i < count; ++i) {
    asks[i] = {.cost = request.costs[i],
               .limit = request.details ? request.details->limits[i] : kOwnLimit};
  }
  const std::span readings = std::span(completion.readings).first(count);
  const auto asked = asks;
  const redis::Repeat* const repeat = completion.repeat.get();
  if (repeat != nullptr) ReduceAsks(repeat->again, std::span(asks).first(count));
  const Judgement judgement = Judge(request.set->policies(), std::span(asks).first(count), readings,
                                    request.details ? request.details->max_wait : kNoWait);
  const Moment now{.now = Nanos(completion.at) % kModulus, .wall = completion.at};
  if (request.kind == Kind::kPeek) {
    DescribePeek(request.set->policies(), std::span(asks).first(count), readings, judgement,
                 decisions);
  } else {
    Describe(request.set->policies(), std::span(asks).first(count), readings, judgement, now,
             decisions);
  }
  if (repeat == nullptr && request.kind == Kind::kCheck) {
    ExpectSameAsDecideTats(request, completion, now, decisions, judgement.allowed);
  }
  // A limiter would reduce these; see StillKnown.
  for (std::size_t i = 0; i < count; ++i) {
    if (IsTat(request.set->policies()[i].algorithm)) {
      decisions[i].mark += (Nanos(completion.at) - now.now).count();
    }
  }
  if (repeat != nullptr) {
    const auto given =
        GivenThen(request.set->policies(), std::span(asked).first(count), repeat->readings,
                  repeat->charged, {.now = Nanos(repeat->at), .wall = repeat->at});
    TellAgain(std::span(given).first(count), completion.at - repeat->at, repeat->again, decisions);
  }
  return judgement.allowed;
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
  auto details = std::make_shared<redis::Details>();
  bool plain = question.max_wait == kNoWait;
  std::vector<std::int64_t> costs;
  for (std::size_t i = 0; i < set->size(); ++i) {
    costs.push_back(question.asks[i].cost);
    details->limits[i] = question.asks[i].limit;
    plain = plain && question.asks[i].limit == kOwnLimit;
    plain = plain && !std::holds_alternative<Concurrency>(set->policies()[i].algorithm);
  }
  request.costs = Costs(costs);
  details->max_wait = question.max_wait;
  details->holder = HolderText(question.holder);
  if (!plain) request.details = std::move(details);
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
    auto details = std::make_shared<redis::Details>();
    std::ranges::copy(marks, details->marks.emplace().begin());
    request.details = std::move(details);
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
  auto details = std::make_shared<redis::Details>();
  details->holder = HolderText(holder);
  request.details = std::move(details);
  return Run(request).done;
}

bool RedisSubject::Release(HolderId holder, Nanos now) { return Slot(Kind::kRelease, holder, now); }
bool RedisSubject::Renew(HolderId holder, Nanos now) { return Slot(Kind::kRenew, holder, now); }

void RedisSubject::SetBlock(Kind kind, std::span<const std::size_t> which, Nanos span, Nanos now) {
  if (which.empty()) return;
  redis_->SetTime(now);
  redis::Request request = Ask(kind);
  auto details = std::make_shared<redis::Details>();
  details->block_for = span;
  details->which = BitsOf(which);
  request.details = std::move(details);
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
