// Random operations and their probabilities.
#include "redis/batch_draw.h"

#include <optional>

#include "redis/redis_under_test.h"
#include "redis/script.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using Kind = redis::Request::Kind;

constexpr std::int64_t kKeysPerSet = 3;
constexpr std::int64_t kCheckIds = 3;  // of BatchDraw::kIds

// Gives the request an id.
void NameId(Asked& asked) {
  auto options = asked.request.options
                     ? std::make_shared<Operation::Options>(*asked.request.options)
                     : std::make_shared<Operation::Options>();
  std::string print;
  for (const Ask& ask : asked.question.asks) {
    print += std::to_string(ask.cost) + " " + std::to_string(ask.limit) + " ";
  }
  options->holder = asked.question.holder;
  asked.request.options = std::move(options);
  asked.request.digests = std::make_shared<redis::IdDigests>(
      redis::IdDigests{.name = DigestOf(asked.id),
                       .fingerprint = asked.request.kind == Kind::kCheck ? DigestOf(print) : "0"});
}

}  // namespace

void BatchDraw::StartTrace() {
  limits_.clear();
  charges_.clear();
  holders_.clear();
  for (int i = 0; i < 5; ++i) {
    Limits& limits = limits_.emplace_back();
    std::vector<Policy> policies;
    for (std::int64_t p = random_.Between(1, 4); p > 0; --p) {
      policies.push_back(RandomMixedPolicy(random_, "p" + std::to_string(p)));
    }
    // Plain TAT policies have a separate path.
    if (i == 0) policies = {RandomTatPolicy(random_, "a"), RandomTatPolicy(random_, "b")};
    limits.set = std::make_shared<const redis::PolicySet>(policies, FreshPrefix());
    for (std::int64_t k = 1; k <= kKeysPerSet; ++k) {
      const std::string key = "k" + std::to_string(k);
      limits.keys[key].Use(policies);
      limits.ids[key] = {};
    }
  }
}

std::vector<Asked> BatchDraw::Batch() {
  std::vector<Asked> batch;
  const auto size = random_.OneIn(20) ? static_cast<std::int64_t>(redis::kMaxBatch)
                                      : random_.Magnitude(redis::kMaxBatch);
  while (static_cast<std::int64_t>(batch.size()) < size) {
    if (batch.empty() || !random_.OneIn(2) || batch.back().request.kind != Kind::kCheck) {
      batch.push_back(DrawOne());
      continue;
    }
    Asked asked = batch.back();
    asked.key = "k" + std::to_string(random_.Between(1, kKeysPerSet));
    asked.question.holder.low = ++holder_count_;
    asked.request = RequestFor(Kind::kCheck, asked.limits->set, asked.key, asked.question);
    if (!asked.id.empty()) NameId(asked);
    batch.push_back(std::move(asked));
  }
  return batch;
}

Asked BatchDraw::DrawOne() {
  Asked asked;
  asked.limits = &limits_[static_cast<std::size_t>(
      random_.Between(0, static_cast<std::int64_t>(limits_.size()) - 1))];
  asked.key = "k" + std::to_string(random_.Between(1, kKeysPerSet));
  asked.question = DrawQuestion(*asked.limits->set);
  const Kind kind = DrawKind();
  if (kind != Kind::kCheck && kind != Kind::kPeek) return DrawChange(std::move(asked), kind);
  if (kind == Kind::kCheck && random_.OneIn(4)) DrawId(asked);
  asked.request = RequestFor(kind, asked.limits->set, asked.key, asked.question);
  if (!asked.id.empty()) NameId(asked);
  return asked;
}

Kind BatchDraw::DrawKind() {
  if (!random_.OneIn(4)) return random_.OneIn(8) ? Kind::kPeek : Kind::kCheck;
  constexpr std::array kOthers = {Kind::kDebit,   Kind::kCredit, Kind::kCredit, Kind::kAbort,
                                  Kind::kRelease, Kind::kRenew,  Kind::kBlock,  Kind::kUnblock};
  return kOthers[static_cast<std::size_t>(random_.Between(0, kOthers.size() - 1))];
}

Subject::Question BatchDraw::DrawQuestion(const redis::PolicySet& set) {
  Subject::Question question{.asks = {}, .holder = {.high = 7, .low = ++holder_count_}};
  const bool limited = random_.OneIn(8);
  for (const Policy& policy : set.policies()) {
    Ask ask;
    if (limited && random_.OneIn(2)) ask.limit = RandomLimit(random_, policy);
    ask.cost = RandomCost(random_, ask.limit != kOwnLimit ? ask.limit : LimitOf(policy.algorithm));
    question.asks.push_back(ask);
  }
  if (random_.OneIn(10)) question.max_wait = Nanos{random_.Magnitude(kLongestSpan.count())};
  return question;
}

// Mostly the arguments that the id was charged for.
void BatchDraw::DrawId(Asked& asked) {
  asked.id = kIds[static_cast<std::size_t>(random_.Between(0, kCheckIds - 1))];
  const auto* const known = asked.limits->ids[asked.key].Find(asked.id, clock_.now());
  if (known == nullptr || random_.OneIn(4)) return;
  const HolderId holder = asked.question.holder;
  asked.question = known->question;
  asked.question.holder = holder;
}

// Operations other than checks and peeks.
Asked BatchDraw::DrawChange(Asked asked, Kind kind) {
  const redis::PolicySet& set = *asked.limits->set;
  asked.request.kind = kind;
  asked.request.set = asked.limits->set;
  asked.request.key = redis::EscapedKey(asked.key);
  auto options = std::make_shared<Operation::Options>();
  std::vector<std::int64_t> costs;
  for (std::size_t i = 0; i < set.size(); ++i) {
    costs.push_back(random_.OneIn(3) ? 0 : asked.question.asks[i].cost);
  }
  const auto charge = charges_.find({asked.limits, asked.key});
  if ((kind == Kind::kCredit || kind == Kind::kAbort) && charge != charges_.end()) {
    options->marks = charge->second.marks;
    asked.model_marks = charge->second.model_marks;
    // Returns at most the whole charge.
    for (std::size_t i = 0; i < set.size(); ++i) {
      const bool known = StillKnown(set.policies()[i], (*options->marks)[i], clock_.now());
      costs[i] = known ? charge->second.units[i] : 0;
    }
    if (asked.request.kind == Kind::kAbort) asked.id = charge->second.id;
    charges_.erase(charge);
  } else if (kind == Kind::kAbort) {
    asked.request.kind = Kind::kCredit;
  }
  asked.request.costs = Costs(costs);
  // After a credit without marks, the rest of a charge is unknown.
  if (asked.request.kind == Kind::kCredit) ForgetCharge(asked);
  asked.question.holder = {.high = 7, .low = 0};
  if (const auto held = holders_.find({asked.limits, asked.key}); held != holders_.end()) {
    asked.question.holder = held->second;
  }
  options->holder = asked.question.holder;
  options->block_for = Micros{random_.Magnitude(10'000'000)};
  options->which = static_cast<std::uint32_t>(random_.Between(1, (1 << set.size()) - 1));
  asked.request.options = std::move(options);
  const bool can_have_id =
      asked.request.kind == Kind::kDebit || asked.request.kind == Kind::kCredit;
  if (can_have_id && random_.OneIn(2)) {
    asked.id = kIds[static_cast<std::size_t>(random_.Between(kCheckIds, std::ssize(kIds) - 1))];
  }
  if (!asked.id.empty()) NameId(asked);
  return asked;
}

void BatchDraw::NoteHolder(const Asked& asked, HolderId holder) {
  holders_[{asked.limits, asked.key}] = holder;
}

void BatchDraw::NoteCharge(const Asked& asked, std::span<const Decision> told,
                           std::span<const Decision> modelled) {
  Charge& charge = charges_[{asked.limits, asked.key}];
  charge = {};
  for (std::size_t i = 0; i < told.size(); ++i) {
    charge.units.push_back(told[i].allowed ? asked.request.costs[i] : 0);
    charge.marks[i] = told[i].mark;
    charge.model_marks.push_back(modelled[i].mark);
  }
  charge.id = asked.id;
}

void BatchDraw::ForgetCharge(const Asked& asked) { charges_.erase({asked.limits, asked.key}); }

}  // namespace sluice::testing
