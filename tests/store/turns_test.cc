// Calls that wait for their turn, and some that give up: no two calls share a turn.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "store/memory_under_test.h"
#include "support/policies.h"
#include "support/random_policy.h"
#include "support/scale.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

struct Waiter {
  Nanos turn;
  std::int64_t cost;
  std::int64_t mark;
};

bool Shapes(const Policy& policy) {
  const auto* leaky = std::get_if<LeakyBucket>(&policy.algorithm);
  return leaky != nullptr && leaky->mode() == LeakyBucket::Mode::kShape;
}

// For a queue: each call leaves after those before it have leaked out. For the others: the calls,
// at their turns, keep the bound of calls that never wait.
bool TurnsHold(const Policy& policy, std::span<const Waiter> calls) {
  const TatRule& rule = RuleOf(policy.algorithm);
  __extension__ using Sum = __int128;
  for (std::size_t from = 0; from < calls.size(); ++from) {
    Sum sum = calls[from].cost;
    for (std::size_t to = from + 1; to < calls.size(); ++to) {
      const Nanos apart = calls[to].turn - calls[from].turn;
      if (apart < Nanos{0}) return false;
      if (Shapes(policy) && sum * rule.interval.count() > apart.count()) return false;
      sum += calls[to].cost;
      if (!Shapes(policy) && sum > rule.capacity + apart / rule.interval) return false;
    }
  }
  return true;
}

class Turns : public ::testing::Test {
 protected:
  void Run(int steps) {
    policy_ = RandomTatPolicy(random_, "p");
    subject_ = FreshKey();
    subject_->Use({policy_});
    calls_.clear();
    kept_.clear();
    now_ = Nanos{0};
    for (int i = 0; i < steps; ++i) {
      // Stands still, or moves on by a few calls.
      if (random_.OneIn(2)) {
        now_ += Nanos{random_.Magnitude(RuleOf(policy_.algorithm).interval.count() * 2)};
      }
      random_.OneIn(3) ? GiveUp() : Come();
    }
  }

  void Come() {
    const std::int64_t limit = LimitOf(policy_.algorithm);
    const std::int64_t cost = random_.Between(1, std::min<std::int64_t>(limit, 4));
    const Nanos span = RuleOf(policy_.algorithm).Span();
    const Subject::Question question{
        .asks = {{.cost = random_.OneIn(4) ? std::min(limit, (std::int64_t{1} << 31) - 1) : cost}},
        .max_wait = std::min(kLongestSpan, 5 * std::min(span, kLongestSpan / 5)),
        .holder = {}};
    std::vector<Decision> told(1);
    if (!subject_->Check(question, now_, told)) return;
    waited_ += told[0].delay > Nanos{0} ? 1 : 0;
    calls_.push_back({now_ + told[0].delay, question.asks[0].cost, told[0].mark});
  }

  Nanos ResetAfter() {
    std::vector<Decision> told(1);
    subject_->Peek({.asks = {{.cost = 0}}, .max_wait = kNoWait, .holder = {}}, now_, told);
    return told[0].reset_after;
  }

  // Gives up any turn that is still to come.
  void GiveUp() {
    const auto waits = [this](const Waiter& call) { return call.turn > now_; };
    const auto count = std::ranges::count_if(calls_, waits);
    if (count == 0) return;
    const auto which = calls_.end() - random_.Between(1, std::min<std::int64_t>(count, 3));
    kept_.push_back(*which);
    calls_.erase(which);
    ++gave_up_;
    GiveBackKept();
  }

  // A turn in the middle of the line comes back once those behind it have given up too.
  void GiveBackKept() {
    std::ranges::sort(kept_, std::greater{}, &Waiter::mark);
    std::erase_if(kept_, [this](const Waiter& call) {
      return subject_->Abort(std::vector{call.cost}, std::vector{call.mark}, now_);
    });
  }

  Random random_{TestSeed()};
  std::unique_ptr<Subject> subject_ = FreshKey();
  Policy policy_ = BucketPolicy("p", 1, 1, Nanos{1});
  Nanos now_{0};
  std::vector<Waiter> calls_;
  std::vector<Waiter> kept_;  // gave up while others wait behind
  int waited_ = 0;
  int gave_up_ = 0;
};

TEST_F(Turns, AllComeBackOnceAllHaveGivenUp) {
  constexpr int kCalls = 8;
  for (int run = Steps(2'000); run > 0; --run) {
    Run(0);
    const std::int64_t limit = LimitOf(policy_.algorithm);
    // The burst first, then a line.
    subject_->Debit(std::vector{Shapes(policy_) ? 1 : limit}, now_);
    const Nanos full = ResetAfter();
    for (int i = 0; i < kCalls; ++i) Come();
    while (std::ranges::any_of(calls_, [this](const Waiter& call) { return call.turn > now_; })) {
      GiveUp();
    }
    ASSERT_TRUE(kept_.empty()) << Text(policy_);
    ASSERT_EQ(ResetAfter(), full) << Text(policy_);
  }
}

TEST_F(Turns, AreNeverSharedByThoseWhoStay) {
  constexpr int kStepsPerTrace = 50;
  const int steps = Steps(20'000);
  for (int done = 0; done < steps; done += kStepsPerTrace) {
    Run(kStepsPerTrace);
    ASSERT_TRUE(TurnsHold(policy_, calls_)) << Text(policy_);
  }
  EXPECT_GT(waited_, steps / 20);
  EXPECT_GT(gave_up_, steps / 50);
}

}  // namespace
}  // namespace sluice::testing
