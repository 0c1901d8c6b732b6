// The shipped script on a real Redis decides as the core does, to the nanosecond: on every vector,
// by the store contract, on random traces of one key, and in batches of all that can be asked at
// once, where it is held against the plain models of all algorithms.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "redis/redis_server.h"
#include "redis/redis_under_test.h"
#include "redis/script.h"
#include "redis/virtual_redis.h"
#include "store/store_contract.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/reference_ids.h"
#include "support/reference_key.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using Kind = redis::Request::Kind;

// One server for all tests of this file; each has names of its own in it.
RedisServer& Server() {
  static RedisServer server;
  return server;
}

std::unique_ptr<StoreUnderTest> MakeRedisUnderTest() {
  return std::make_unique<RedisUnderTest>(Server());
}

INSTANTIATE_TEST_SUITE_P(Redis, StoreContract, ::testing::Values(&MakeRedisUnderTest));

// A policy set, and a model of each of its keys.
struct Limits {
  std::shared_ptr<const redis::PolicySet> set;
  std::map<std::string, ReferenceKey> keys;
  std::map<std::string, ReferenceIds> ids;  // of each key
};

// What was asked, with what else a model needs to answer it.
struct Asked {
  redis::Request request;
  Limits* limits = nullptr;
  std::string key;
  Subject::Question question;
  std::vector<std::int64_t> model_marks;  // beside the request's
  std::string id;                         // empty: none
};

// A charge that may be given back.
struct Charge {
  std::vector<std::int64_t> units;
  std::array<std::int64_t, kMaxPolicies> marks{};
  std::vector<std::int64_t> model_marks;
  std::string id;  // of the check
};

class RandomBatches : public ::testing::Test {
 protected:
  static constexpr std::int64_t kKeysPerSet = 3;

  // Other policies, another clock, no keys.
  void StartTrace() {
    limits_.clear();
    charges_.clear();
    holders_.clear();
    marks_.clear();
    for (int i = 0; i < 5; ++i) {
      Limits& limits = limits_.emplace_back();
      std::vector<Policy> policies;
      for (std::int64_t p = random_.Between(1, 4); p > 0; --p) {
        policies.push_back(RandomMixedPolicy(random_, "p" + std::to_string(p)));
      }
      // Plain ones are decided in a way of their own.
      if (i == 0) policies = {RandomTatPolicy(random_, "a"), RandomTatPolicy(random_, "b")};
      limits.set = std::make_shared<const redis::PolicySet>(policies, FreshPrefix());
      for (std::int64_t k = 1; k <= kKeysPerSet; ++k) {
        const std::string key = "k" + std::to_string(k);
        limits.keys[key].Use(policies);
        limits.ids[key] = {};
      }
    }
    clock_ = TraceClock(random_, VirtualRedis::kTick);
  }

  // What Redis has let go of, the models forget: it has to have meant nothing any more.
  void SetTime() {
    redis_.SetTime(clock_.now());
    for (Limits& limits : limits_) {
      for (auto& [key, model] : limits.keys) {
        const std::vector<Decision> before = Left(limits, model);
        for (std::size_t p = 0; p < limits.set->size(); ++p) {
          redis::Request request;
          request.set = limits.set;
          request.key = redis::EscapedKey(key);
          const std::string name = VirtualRedis::NameOf(request, p);
          if (!redis_.HoldsText(name)) model.Unblock({{p}}, clock_.now());
          if (!redis_.Holds(name)) model.Forget(p);
        }
        ForgetIds(limits, key);
        const std::vector<Decision> after = Left(limits, model);
        for (std::size_t p = 0; p < after.size(); ++p) {
          EXPECT_TRUE(Same(before[p], after[p]))
              << "dropped at " << clock_.now().count() << ", though it still meant "
              << Text(before[p]) << "\n  " << Text(limits.set->policies()[p]);
        }
      }
    }
  }

  // Of ids too: but for a clock that steps back they are known a minute.
  void ForgetIds(Limits& limits, const std::string& key) {
    ReferenceIds& ids = limits.ids[key];
    for (const std::string& id : kIds) {
      redis::Request request;
      request.set = limits.set;
      request.key = redis::EscapedKey(key);
      auto details = std::make_shared<redis::Details>();
      details->id = DigestOf(id);
      request.details = std::move(details);
      std::string name;
      redis::AppendIdName(request, name);
      if (redis_.HoldsText(name)) continue;
      EXPECT_EQ(ids.Find(id, clock_.now()), nullptr) << id << " at " << clock_.now().count();
      ids.Forget(id);
    }
  }

  // Mostly what the id is known for.
  void DrawId(Asked& asked) {
    asked.id = kIds[static_cast<std::size_t>(random_.Between(0, kCheckIds - 1))];
    const auto* const known = asked.limits->ids[asked.key].Find(asked.id, clock_.now());
    if (known == nullptr || random_.OneIn(4)) return;
    const HolderId holder = asked.question.holder;
    asked.question = known->question;
    asked.question.holder = holder;
  }

  void NameId(Asked& asked) {
    auto details = std::make_shared<redis::Details>(asked.request.details ? *asked.request.details
                                                                          : redis::Details());
    details->id = DigestOf(asked.id);
    std::string print;
    for (const Ask& ask : asked.question.asks) {
      print += std::to_string(ask.cost) + " " + std::to_string(ask.limit) + " ";
    }
    details->print = asked.request.kind == Kind::kCheck ? DigestOf(print) : "0";
    details->holder = HolderText(asked.question.holder);
    asked.request.details = std::move(details);
  }

  // What by the model is left now.
  std::vector<Decision> Left(const Limits& limits, ReferenceKey& model) const {
    std::vector<Decision> decisions(limits.set->size());
    model.Peek({.asks = std::vector<Ask>(limits.set->size()), .holder = {}}, clock_.now(),
               decisions);
    return decisions;
  }

  Subject::Question DrawQuestion(const redis::PolicySet& set) {
    Subject::Question question{.asks = {}, .holder = {.high = 7, .low = ++holder_count_}};
    const bool limited = random_.OneIn(8);
    for (const Policy& policy : set.policies()) {
      Ask ask;
      if (limited && random_.OneIn(2)) ask.limit = RandomLimit(random_, policy);
      ask.cost = RandomCost(random_, ask.limit > 0 ? ask.limit : LimitOf(policy.algorithm));
      question.asks.push_back(ask);
    }
    if (random_.OneIn(10)) question.max_wait = Nanos{random_.Magnitude(kLongestSpan.count())};
    return question;
  }

  Kind DrawKind() {
    if (!random_.OneIn(4)) return random_.OneIn(8) ? Kind::kPeek : Kind::kCheck;
    constexpr std::array kOthers = {Kind::kDebit,   Kind::kCredit, Kind::kCredit, Kind::kAbort,
                                    Kind::kRelease, Kind::kRenew,  Kind::kBlock,  Kind::kUnblock};
    return kOthers[static_cast<std::size_t>(random_.Between(0, kOthers.size() - 1))];
  }

  Asked Draw() {
    Asked asked;
    asked.limits = &limits_[static_cast<std::size_t>(
        random_.Between(0, static_cast<std::int64_t>(limits_.size()) - 1))];
    const redis::PolicySet& set = *asked.limits->set;
    asked.key = "k" + std::to_string(random_.Between(1, kKeysPerSet));
    asked.question = DrawQuestion(set);
    const Kind kind = DrawKind();
    if (kind == Kind::kCheck || kind == Kind::kPeek) {
      if (kind == Kind::kCheck && random_.OneIn(4)) DrawId(asked);
      asked.request = RequestFor(kind, asked.limits->set, asked.key, asked.question);
      if (!asked.id.empty()) NameId(asked);
      return asked;
    }
    asked.request.kind = kind;
    asked.request.set = asked.limits->set;
    asked.request.key = redis::EscapedKey(asked.key);
    auto details = std::make_shared<redis::Details>();
    std::vector<std::int64_t> costs;
    for (std::size_t i = 0; i < set.size(); ++i) {
      costs.push_back(random_.OneIn(3) ? 0 : asked.question.asks[i].cost);
    }
    const auto charge = charges_.find({asked.limits, asked.key});
    if ((kind == Kind::kCredit || kind == Kind::kAbort) && charge != charges_.end()) {
      details->marks = charge->second.marks;
      asked.model_marks = charge->second.model_marks;
      // No more is ever given back of a charge than was charged.
      for (std::size_t i = 0; i < set.size(); ++i) {
        const bool known = StillKnown(set.policies()[i], (*details->marks)[i], clock_.now());
        costs[i] = known ? charge->second.units[i] : 0;
      }
      if (asked.request.kind == Kind::kAbort) asked.id = charge->second.id;
      charges_.erase(charge);
    } else if (kind == Kind::kAbort) {
      asked.request.kind = Kind::kCredit;
    }
    asked.request.costs = redis::Costs(costs);
    // After one without marks, what is left of a charge is not known any more.
    if (asked.request.kind == Kind::kCredit) charges_.erase({asked.limits, asked.key});
    asked.question.holder = {.high = 7, .low = 0};
    if (const auto held = holders_.find({asked.limits, asked.key}); held != holders_.end()) {
      asked.question.holder = held->second;
    }
    details->holder = HolderText(asked.question.holder);
    details->block_for = Micros{random_.Magnitude(10'000'000)};
    details->which = static_cast<std::uint32_t>(random_.Between(1, (1 << set.size()) - 1));
    asked.request.details = std::move(details);
    const bool can_have_id =
        asked.request.kind == Kind::kDebit || asked.request.kind == Kind::kCredit;
    if (can_have_id && random_.OneIn(2)) {
      asked.id = kIds[static_cast<std::size_t>(random_.Between(kCheckIds, kIds.size() - 1))];
    }
    if (!asked.id.empty()) NameId(asked);
    return asked;
  }

  // Neighbours often ask for the same, so that groups form; keys come again within a batch.
  std::vector<Asked> DrawBatch() {
    std::vector<Asked> batch;
    const auto size = random_.OneIn(20) ? static_cast<std::int64_t>(redis::kMaxBatch)
                                        : random_.Magnitude(redis::kMaxBatch);
    while (static_cast<std::int64_t>(batch.size()) < size) {
      if (batch.empty() || !random_.OneIn(2) || batch.back().request.kind != Kind::kCheck) {
        batch.push_back(Draw());
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

  std::vector<std::size_t> Which(const redis::Request& request) {
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < request.set->size(); ++i) {
      if ((request.details->which >> i & 1) != 0) which.push_back(i);
    }
    return which;
  }

  // Has the model do the same, and compares. Returns the decisions of a check or peek.
  std::vector<Decision> Compare(const Asked& asked, const redis::Completion& done) {
    const redis::Request& request = asked.request;
    const std::size_t count = request.set->size();
    ReferenceKey& model = asked.limits->keys.at(asked.key);
    ReferenceIds& ids = asked.limits->ids.at(asked.key);
    const auto all_units = request.costs.Spread(count);
    const std::span units = std::span(all_units).first(count);
    const Nanos now = clock_.now();
    EXPECT_EQ(done.fault, redis::Fault::kNone) << done.detail;
    EXPECT_EQ(Nanos(done.at), now);
    switch (request.kind) {
      case Kind::kDebit:
        if (asked.id.empty() || ids.IsNew(asked.id, now)) model.Debit(units, now);
        return {};
      case Kind::kCredit:
        if (!asked.id.empty() && !ids.IsNew(asked.id, now)) return {};
        if (!request.details->marks) charges_.erase({asked.limits, asked.key});
        model.Credit(units, asked.model_marks, now);
        return {};
      case Kind::kAbort:
        model.Abort(units, asked.model_marks, now);
        ids.Forget(asked.id);
        return {};
      case Kind::kRelease:
        EXPECT_EQ(done.done, model.Release(asked.question.holder, now));
        return {};
      case Kind::kRenew:
        EXPECT_EQ(done.done, model.Renew(asked.question.holder, now));
        return {};
      case Kind::kBlock:
        model.Block(Which(request), request.details->block_for, now);
        return {};
      case Kind::kUnblock:
        model.Unblock(Which(request), now);
        return {};
      default:
        break;
    }
    std::vector<Decision> told(count);
    std::vector<Decision> modelled(count);
    const bool peeks = request.kind == Kind::kPeek;
    ReferenceIds::Outcome outcome;
    if (asked.id.empty()) {
      outcome.allowed = peeks ? model.Peek(asked.question, now, modelled)
                              : model.Check(asked.question, now, modelled);
    } else {
      outcome = ids.Check(model, request.set->policies(), asked.question, asked.id, now, modelled);
    }
    EXPECT_EQ(done.id_reused, outcome.reused);
    EXPECT_EQ(done.repeat != nullptr, outcome.repeated);
    reused_ += outcome.reused ? 1 : 0;
    repeated_ += outcome.repeated ? 1 : 0;
    if (outcome.reused) return {};
    EXPECT_EQ(DecideFrom(request, done, told), outcome.allowed);
    for (std::size_t p = 0; p < count; ++p) {
      EXPECT_TRUE(Same(told[p], modelled[p]))
          << "policy " << p << " of " << count << ", cost " << request.costs[p] << "\n  "
          << Text(request.set->policies()[p]) << "\n  redis: " << Text(told[p])
          << "\n  model: " << Text(modelled[p]);
    }
    if (outcome.repeated) {
      again_ += done.repeat->again != 0 ? 1 : 0;
      holders_[{asked.limits, asked.key}] = done.repeat->holder;
      CheckMarks(asked, told);
    } else if (outcome.allowed && !peeks) {
      Remember(asked, told, modelled);
    }
    return told;
  }

  void Remember(const Asked& asked, std::span<const Decision> told,
                std::span<const Decision> modelled) {
    holders_[{asked.limits, asked.key}] = asked.question.holder;
    Charge& charge = charges_[{asked.limits, asked.key}];
    charge = {};
    for (std::size_t i = 0; i < told.size(); ++i) {
      charge.units.push_back(told[i].allowed ? asked.request.costs[i] : 0);
      charge.marks[i] = told[i].mark;
      charge.model_marks.push_back(modelled[i].mark);
    }
    charge.id = asked.id;
    if (!asked.id.empty()) marks_[{asked.limits, asked.key + asked.id}] = charge.marks;
  }

  // A repeat names the charge by the same marks, for what was charged.
  void CheckMarks(const Asked& asked, std::span<const Decision> told) {
    const auto& marks = marks_.at({asked.limits, asked.key + asked.id});
    for (std::size_t i = 0; i < told.size(); ++i) {
      const bool slots =
          std::holds_alternative<Concurrency>(asked.request.set->policies()[i].algorithm);
      if (told[i].allowed && asked.request.costs[i] > 0 && !slots) {
        EXPECT_EQ(told[i].mark, marks[i]) << i;
      }
    }
  }

  static std::string DigestOf(const std::string& text) {
    std::string digest;
    redis::AppendDigest(text, digest);
    return digest;
  }

  static constexpr std::int64_t kCheckIds = 3;
  // The first of checks, the others of debits and credits.
  static inline const std::vector<std::string> kIds = {"a", "b", "c", "d1", "d2"};

  Random random_{TestSeed()};
  VirtualRedis redis_{Server()};
  std::vector<Limits> limits_;
  using KeyOf = std::pair<const Limits*, std::string>;
  std::map<KeyOf, Charge> charges_;                                // the last one of each key
  std::map<KeyOf, HolderId> holders_;                              // likewise
  std::map<KeyOf, std::array<std::int64_t, kMaxPolicies>> marks_;  // by key and id
  int reused_ = 0;
  int repeated_ = 0;
  int again_ = 0;
  std::uint64_t holder_count_ = 0;
  TraceClock clock_{random_, VirtualRedis::kTick};
};

TEST_F(RandomBatches, AreDoneAlikeByRedisAndByTheModels) {
  const int steps = Steps(12'000);  // of which at least seven in ten check or peek
  constexpr int kStepsPerTrace = 400;
  int admitted = 0;
  int denied = 0;
  int went_back = 0;
  std::map<Kind, int> kinds;
  for (int done = 0, next_trace = 0; done < steps;) {
    if (done >= next_trace) {
      StartTrace();
      next_trace += kStepsPerTrace;
    }
    SetTime();
    const std::vector<Asked> batch = DrawBatch();
    std::vector<redis::Request> requests;
    for (const Asked& asked : batch) requests.push_back(asked.request);
    const std::vector<redis::Completion> completions = redis_.Run(requests);
    std::vector<Decision> told;
    for (std::size_t r = 0; r < batch.size(); ++r, ++done) {
      std::vector<Decision> decisions = Compare(batch[r], completions[r]);
      ++kinds[batch[r].request.kind];
      ASSERT_FALSE(HasFailure()) << "step " << done << ", request " << r << " of a batch of "
                                 << batch.size() << ", kind "
                                 << static_cast<int>(batch[r].request.kind) << ", now "
                                 << clock_.now().count();
      if (decisions.empty()) {
        clock_.Floor();
        continue;
      }
      (decisions[BindingPolicy(decisions)].allowed ? admitted : denied) += 1;
      told = std::move(decisions);
    }
    ASSERT_EQ(redis_.Untimed(), 0) << "step " << done;
    const Nanos before = clock_.now();
    clock_.Step(random_, told);
    went_back += clock_.now() < before ? 1 : 0;
  }
  // The traces have to be ones that could show a difference.
  EXPECT_GT(admitted, steps / 10);
  EXPECT_GT(denied, steps / 10);
  EXPECT_GT(went_back, 0);
  EXPECT_GT(reused_, 0);
  EXPECT_GT(repeated_, steps / 400);
  EXPECT_GT(again_, 0);
  for (const Kind kind : {Kind::kCheck, Kind::kPeek, Kind::kDebit, Kind::kCredit, Kind::kAbort,
                          Kind::kRelease, Kind::kRenew, Kind::kBlock, Kind::kUnblock}) {
    EXPECT_GT(kinds[kind], steps / 400) << static_cast<int>(kind);
  }
}

std::int64_t ServerMillis() {
  const std::string text = Server().Text({"EVAL",
                                          "local t = redis.call('TIME') return string.format("
                                          "'%.0f', t[1] * 1000 + math.floor(t[2] / 1000))",
                                          "0"});
  return std::stoll(text);
}

// What VirtualRedis takes for granted: a key lives until just after its TAT, and no shorter.
TEST(TimesToLive, CoverTheBacklogAndHardlyMore) {
  Random random(TestSeed());
  RedisServer& server = Server();
  for (int i = 0; i < 200; ++i) {
    const std::int64_t interval =
        random.Between(Nanos{std::chrono::hours(1)}.count(), Nanos{std::chrono::hours(24)}.count());
    const std::int64_t cost = random.Between(1, 100);
    redis::Request one;
    one.set = std::make_shared<const redis::PolicySet>(
        std::vector{BucketPolicy("p", 100, 1, Nanos{interval})}, FreshPrefix());
    one.key = redis::EscapedKey("k");
    one.costs = cost;
    redis::ScriptCall call;
    call.Describe({&one, 1});
    std::vector<std::string> command = {"EVAL", std::string(redis::ScriptText()), "1",
                                        std::string(call.key(0))};
    for (std::size_t a = 0; a < call.arguments(); ++a) command.emplace_back(call.argument(a));
    const std::int64_t before = ServerMillis();
    ASSERT_EQ(server.Run(command).integers.at(1), 0);
    const std::int64_t after = ServerMillis();
    const std::int64_t left = server.Run({"PTTL", std::string(call.key(0))}).integers.at(0);
    const std::int64_t end = ServerMillis();
    // Written between `before` and `after`, read between `after` and `end`.
    const std::int64_t expected = cost * interval / 1'000'000 + 1;
    ASSERT_GE(left + end, before + expected) << "interval " << interval << ", cost " << cost;
    ASSERT_LE(left + after, after + expected) << "interval " << interval << ", cost " << cost;
  }
}

}  // namespace
}  // namespace sluice::testing
