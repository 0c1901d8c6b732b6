// Sums of admitted units, and their bounds.
#include "support/trace_bounds.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "support/policies.h"
#include "support/random_policy.h"
#include "support/trace.h"

namespace sluice::testing {
namespace {

constexpr int kStepsPerTrace = 100;
__extension__ using Int128 = __int128;

struct Call {
  Nanos at;  // windows and logs: the newest time so far, which they count by
  std::int64_t cost;
  Nanos released = kNever;
};

std::int64_t Us(Nanos span) { return span.count() / 1000; }

// The most units in any interval [t, t + length).
Int128 MostWithin(std::span<const Call> calls, Nanos length) {
  Int128 most = 0;
  for (std::size_t from = 0; from < calls.size(); ++from) {
    Int128 sum = 0;
    for (std::size_t i = from; i < calls.size() && calls[i].at - calls[from].at < length; ++i) {
      sum += calls[i].cost;
    }
    most = std::max(most, sum);
  }
  return most;
}

// In any interval of length T at most C + T / I.
bool Holds(const TatAlgorithm& policy, std::span<const Call> calls) {
  const TatRule& rule = policy.rule();
  for (std::size_t from = 0; from < calls.size(); ++from) {
    Int128 sum = 0;
    for (std::size_t to = from; to < calls.size(); ++to) {
      sum += calls[to].cost;
      if (sum > rule.capacity + (calls[to].at - calls[from].at) / rule.interval) return false;
    }
  }
  return true;
}

// At most L in any one window, and 2 * L in any interval as long as one.
bool Holds(const FixedWindow& policy, std::span<const Call> calls) {
  using Align = FixedWindow::Align;
  const auto month_of = [](Nanos at) {
    const std::chrono::sys_days day(std::chrono::floor<std::chrono::days>(at));
    const std::chrono::year_month_day date(day);
    return int{date.year()} * 12 + static_cast<int>(unsigned{date.month()});
  };
  const std::int64_t window = policy.window().count();
  std::map<std::int64_t, Int128> sums;
  Nanos start{0};
  for (const Call& call : calls) {
    if (sums.empty() || call.at >= start + policy.window()) start = call.at;
    const std::int64_t in = policy.align() == Align::kMonth   ? month_of(call.at)
                            : policy.align() == Align::kClock ? Us(call.at) / window
                                                              : Us(start);
    if ((sums[in] += call.cost) > policy.limit()) return false;
  }
  // The shortest month: an interval of 28 days meets two of them.
  const Nanos length = policy.align() == Align::kMonth ? std::chrono::days(28) : policy.window();
  return MostWithin(calls, length) <= 2 * Int128{policy.limit()};
}

// Never more than the formula without any rounding, and less than 2 * L in any interval as long as
// a window.
bool Holds(const SlidingWindow& policy, std::span<const Call> calls) {
  const std::int64_t window = policy.window().count();
  std::map<std::int64_t, Int128> sums;
  for (const Call& call : calls) {
    const std::int64_t in = Us(call.at) / window;
    sums[in] += call.cost;
    const Int128 left = window - Us(call.at) % window;
    const Int128 before = sums.contains(in - 1) ? sums[in - 1] : 0;
    if (before * left + sums[in] * window > Int128{policy.limit()} * window) return false;
  }
  return MostWithin(calls, policy.window()) < 2 * Int128{policy.limit()};
}

// At most L in any interval as long as a window.
bool Holds(const SlidingLog& policy, std::span<const Call> calls) {
  return MostWithin(calls, policy.window()) <= policy.limit();
}

// At most L slots at any moment.
bool Holds(const Concurrency& policy, std::span<const Call> calls) {
  for (const Call& call : calls) {
    const auto holds = [&](const Call& other) {
      return other.at <= call.at && call.at < std::min(other.released, other.at + policy.ttl());
    };
    if (std::ranges::count_if(calls, holds) > policy.limit()) return false;
  }
  return true;
}

class Greedy {
 public:
  Greedy(Random& random, const MakeSubject& make)
      : random_(random), subject_(make()), policy_(RandomMixedPolicy(random, "p")) {
    policy_.block_for = Nanos{0};
    policy_.charge_denied = false;
    policy_.enforce = true;
    subject_->Use({policy_});
    now_ = TraceClock(random, std::max(subject_->tick(), Nanos{Micros{1}})).now();
  }

  std::string Run(int steps) {
    for (int i = 0; i < steps; ++i) Step();
    const bool holds =
        std::visit([this](const auto& a) { return Holds(a, calls_); }, policy_.algorithm);
    if (holds) return "";
    std::string text =
        "property 1, never more than the policy says: " + Text(policy_) + ", and admitted:\n";
    for (const Call& call : calls_) {
      text += "  " + std::to_string(call.cost) + " at " + std::to_string(call.at.count()) + "\n";
    }
    return text;
  }

 private:
  void Step() {
    const std::int64_t limit = LimitOf(policy_.algorithm);
    const std::int64_t cost = std::max<std::int64_t>(1, RandomCost(random_, limit));
    const Subject::Question question{.asks = {{.cost = cost}},
                                     .holder = {.high = 1, .low = ++holders_}};
    std::vector<Decision> told(1);
    if (subject_->Check(question, now_, told)) {
      const Nanos at =
          IsTat(policy_.algorithm) || calls_.empty() ? now_ : std::max(now_, calls_.back().at);
      calls_.push_back({at, cost});
      holds_.emplace_back(calls_.size() - 1, question.holder);
    }
    Move(told[0]);
    if (!holds_.empty() && random_.OneIn(4)) Release();
  }

  void Release() {
    const auto which =
        static_cast<std::size_t>(random_.Between(0, static_cast<std::int64_t>(holds_.size()) - 1));
    const auto [call, holder] = holds_[which];
    if (subject_->Release(holder, now_)) calls_[call].released = now_;
    holds_.erase(holds_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  // To the earliest useful time, or somewhat later; sometimes back, where that counts for nothing.
  void Move(const Decision& told) {
    const bool steps_back = !IsTat(policy_.algorithm) &&
                            !std::holds_alternative<Concurrency>(policy_.algorithm) &&
                            random_.OneIn(10);
    const auto whole = [](Nanos span) { return std::chrono::ceil<Micros>(span); };
    if (steps_back) {
      now_ -= std::min(now_, Nanos{Micros{random_.Magnitude(100'000'000)}});
    } else if (!told.allowed && told.retry_after != kNever && !random_.OneIn(4)) {
      now_ += whole(told.retry_after);
    } else if (random_.OneIn(2)) {
      now_ += Micros{random_.Magnitude(whole(told.reset_after).count() + 1)};
    }
    if (subject_->Dropped(0, now_)) floor_ = now_;
    now_ = std::max(now_, floor_);
  }

  Random& random_;
  std::unique_ptr<Subject> subject_;
  Policy policy_;
  Nanos now_{0};
  Nanos floor_{0};  // a dropped state: no steps back behind this time
  std::vector<Call> calls_;
  std::vector<std::pair<std::size_t, HolderId>> holds_;
  std::uint64_t holders_ = 0;
};

}  // namespace

std::string RunBounds(Random& random, int steps, const MakeSubject& make) {
  for (int done = 0; done < steps; done += kStepsPerTrace) {
    std::string broken = Greedy(random, make).Run(std::min(kStepsPerTrace, steps - done));
    if (!broken.empty()) return broken;
  }
  return "";
}

}  // namespace sluice::testing
