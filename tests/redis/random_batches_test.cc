// Random batches of all operations: the shipped script on a real server gives the results of the
// reference models.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "redis/batch_draw.h"
#include "redis/redis_server.h"
#include "redis/redis_under_test.h"
#include "redis/virtual_redis.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

using Kind = redis::Request::Kind;

class RandomBatches : public ::testing::Test {
 protected:
  void StartTrace() {
    draw_.StartTrace();
    marks_.clear();
    clock_ = TraceClock(random_, VirtualRedis::kTick);
  }

  // The models forget states that Redis has dropped, which must be equal to new ones.
  void SetTime() {
    redis_.SetTime(clock_.now());
    for (Limits& limits : draw_.limits()) {
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

  // The same for ids, which live a minute unless the clock steps back.
  void ForgetIds(Limits& limits, const std::string& key) {
    ReferenceIds& ids = limits.ids[key];
    for (const std::string& id : BatchDraw::kIds) {
      redis::Request request;
      request.set = limits.set;
      request.key = redis::EscapedKey(key);
      request.digests = std::make_shared<redis::IdDigests>(
          redis::IdDigests{.name = DigestOf(id), .fingerprint = ""});
      std::string name;
      redis::AppendIdName(request, name);
      if (redis_.HoldsText(name)) continue;
      EXPECT_EQ(ids.Find(id, clock_.now()), nullptr) << id << " at " << clock_.now().count();
      ids.Forget(id);
    }
  }

  // The remaining units by the model.
  std::vector<Decision> Left(const Limits& limits, ReferenceKey& model) const {
    std::vector<Decision> decisions(limits.set->size());
    model.Peek({.asks = std::vector<Ask>(limits.set->size()), .holder = {}}, clock_.now(),
               decisions);
    return decisions;
  }

  std::vector<std::size_t> Which(const redis::Request& request) {
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < request.set->size(); ++i) {
      if ((request.options->which >> i & 1) != 0) which.push_back(i);
    }
    return which;
  }

  // Executes the request on the model and compares. Returns the decisions of a check or peek.
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
        if (!request.options->marks) draw_.ForgetCharge(asked);
        model.Credit(units, asked.model_marks, now);
        return {};
      case Kind::kAbort:
        EXPECT_EQ(done.done, model.Abort(units, asked.model_marks, now));
        ids.Forget(asked.id);
        return {};
      case Kind::kRelease:
        EXPECT_EQ(done.done, model.Release(asked.question.holder, now));
        return {};
      case Kind::kRenew:
        EXPECT_EQ(done.done, model.Renew(asked.question.holder, now));
        return {};
      case Kind::kBlock:
        model.Block(Which(request), request.options->block_for, now);
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
    EXPECT_EQ(done.replay != nullptr, outcome.replayed);
    reused_ += outcome.reused ? 1 : 0;
    repeated_ += outcome.replayed ? 1 : 0;
    if (outcome.reused) return {};
    EXPECT_EQ(DecideFrom(request, done, told), outcome.allowed);
    for (std::size_t p = 0; p < count; ++p) {
      EXPECT_TRUE(Same(told[p], modelled[p]))
          << "policy " << p << " of " << count << ", cost " << request.costs[p] << "\n  "
          << Text(request.set->policies()[p]) << "\n  redis: " << Text(told[p])
          << "\n  model: " << Text(modelled[p]);
    }
    if (outcome.replayed) {
      again_ += done.replay->again != 0 ? 1 : 0;
      draw_.NoteHolder(asked, done.replay->holder);
      CheckMarks(asked, told);
    } else if (outcome.allowed && !peeks) {
      Remember(asked, told, modelled);
    }
    return told;
  }

  void Remember(const Asked& asked, std::span<const Decision> told,
                std::span<const Decision> modelled) {
    draw_.NoteHolder(asked, asked.question.holder);
    draw_.NoteCharge(asked, told, modelled);
    if (asked.id.empty()) return;
    auto& marks = marks_[{asked.limits, asked.key + asked.id}];
    for (std::size_t i = 0; i < told.size(); ++i) marks[i] = told[i].mark;
  }

  // A replay reports the marks of the charge.
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

  RedisServer server_;
  VirtualRedis redis_{server_};
  Random random_{TestSeed()};
  TraceClock clock_{random_, VirtualRedis::kTick};
  BatchDraw draw_{random_, clock_};
  // The reported decisions of charges, by key and id.
  std::map<std::pair<const Limits*, std::string>, std::array<std::int64_t, kMaxPolicies>> marks_;
  int reused_ = 0;
  int repeated_ = 0;
  int again_ = 0;
};

TEST_F(RandomBatches, HaveTheSameResultsInRedisAndInTheModels) {
  const int steps = Steps(12'000);  // at least 70 % check or peek
  constexpr int kStepsPerTrace = 400;
  int admitted = 0;
  int denied = 0;
  int went_back = 0;
  std::map<Kind, int> kinds;
  // Replays that take a slot again are rare: the trace goes on until there was one.
  for (int done = 0, next_trace = 0; done < steps || (again_ == 0 && done < 5 * steps);) {
    if (done >= next_trace) {
      StartTrace();
      next_trace += kStepsPerTrace;
    }
    SetTime();
    const std::vector<Asked> batch = draw_.Batch();
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
  // The traces must be able to show a difference.
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

}  // namespace
}  // namespace sluice::testing
