// Walks a caller's state through time, from one change to the next.
#include "model/used_curve.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "core/state.h"
#include "model/algorithm_info.h"
#include "model/describe.h"

namespace sluice::sim {
namespace {

// One caller's use of the limit, from one change to the next: its state, evolved by the core alone.
class Walk {
 public:
  explicit Walk(const ChosenPolicy& policy)
      : policy_(&policy), state_(FreshState(policy.algorithm)) {}

  // Keeps the state if only the numbers change.
  void SetPolicy(const ChosenPolicy& policy) { policy_ = &policy; }

  // Just after any event at that moment.
  double Used(Nanos at) {
    if (!KeepsEnds()) {
      return policy_->info().used(policy_->algorithm, Read(policy_->algorithm, at, 0));
    }
    ends_.erase(ends_.begin(), ends_.upper_bound(at));
    return static_cast<double>(ends_.size());
  }
  // The next moment after `at` at which less is in use, or when a straight fall ends; none if
  // nothing is in use.
  std::optional<Nanos> NextChange(Nanos at) {
    const double used = Used(at);
    if (used == 0) return std::nullopt;
    if (KeepsEnds()) return *ends_.begin();
    if (IsSloped()) return at + Nanos{Read(policy_->algorithm, at, 0).numbers[0]};
    // A limit of what is in use admits one more unit when less is.
    const Algorithm full = WithLimit(policy_->algorithm, static_cast<std::int64_t>(used)).value();
    const Reading reading = Read(full, at, 1);
    const Nanos wait = std::visit(
        [&]<typename A>(const A& a) {
          if constexpr (A::kIsTat) {
            return Nanos{0};
          } else {
            return a.RetryAfter(reading, 1);
          }
        },
        full);
    return ToMicros(at) + wait;
  }
  // A request that was admitted, at a cost of 1 or more.
  void Charge(const Request& request) {
    if (KeepsEnds()) {
      ends_.insert(request.HeldUntil());
      return;
    }
    // By the limit of that time: a log keeps no more than its limit.
    const Algorithm& algorithm = request.policy->algorithm;
    const bool is_list = IsList(algorithm);
    if (is_list) GrowRoom(algorithm, state_);
    // Any other state follows from the reading alone: charge nothing to the one that it left.
    ApplyState(Effect::kCharge, algorithm, state_, request.after, is_list ? request.cost : 0, {},
               MomentOf(request.at));
  }
  // Whether it falls straight between two changes; else it stays and then drops.
  bool IsSloped() const { return IsTat(policy_->algorithm); }

 private:
  static Moment MomentOf(Nanos at) { return {.now = at, .wall = ToMicros(at)}; }
  bool KeepsEnds() const { return HoldsSlots(policy_->algorithm); }
  Reading Read(const Algorithm& algorithm, Nanos at, std::int64_t cost) const {
    return ReadState(algorithm, &state_, MomentOf(at), cost, false);
  }

  const ChosenPolicy* policy_;
  State state_;
  std::multiset<Nanos> ends_;  // of calls that hold a slot: most end before it expires
};

// A walk and the corners that it has passed.
class Curve {
 public:
  // `recalled`: earlier requests that still count when the curve begins.
  Curve(Nanos from, const ChosenPolicy& policy, const std::vector<Request>& recalled)
      : now_(from), walk_(policy) {
    for (const Request& request : recalled) walk_.Charge(request);
    Note();
  }

  void AdvanceTo(Nanos at) {
    for (auto next = walk_.NextChange(now_); next && *next < at; next = walk_.NextChange(now_)) {
      MoveTo(*next);
    }
    MoveTo(at);
  }
  void Charge(const Request& request) {
    walk_.Charge(request);
    Note();
  }
  void SetPolicy(const PolicyChange& change) {
    if (change.fresh) {
      walk_ = Walk(*change.policy);
    } else {
      walk_.SetPolicy(*change.policy);
    }
    Note();
  }
  std::vector<UsedPoint> Take() { return std::move(points_); }

 private:
  void MoveTo(Nanos at) {
    const double before = points_.back().used;
    now_ = at;
    const double used = walk_.Used(at);
    if (!walk_.IsSloped() && used != before) points_.push_back({at, before});
    points_.push_back({at, used});
  }
  void Note() { points_.push_back({now_, walk_.Used(now_)}); }

  Nanos now_;
  Walk walk_;
  std::vector<UsedPoint> points_;
};

bool Counts(const Request& request, std::uint32_t caller) {
  return request.caller == caller && request.decision.allowed && request.cost > 0;
}

}  // namespace

std::vector<UsedPoint> UsedCurve(const History& history, std::uint32_t caller, Nanos from,
                                 Nanos to) {
  const auto& changes = history.policy_changes();
  const auto& requests = history.requests();
  std::size_t change = 0;
  while (change + 1 < changes.size() && changes[change + 1].at <= from) ++change;
  const ChosenPolicy& policy = *changes[change].policy;
  const std::uint64_t fresh = history.FreshSince(from);

  // The requests that still count at its start. A state without a list is known from the last one.
  std::vector<Request> recalled;
  if (IsList(policy.algorithm)) {
    const Nanos memory = LongestTrace(policy.algorithm);
    if (history.truncated()) from = std::max(from, requests.front().at + memory);
    if (from > to) return {};
    for (auto it = history.FirstFrom(from - memory); it != requests.end() && it->at < from; ++it) {
      if (it->id >= fresh && Counts(*it, caller)) recalled.push_back(*it);
    }
  } else if (const Request* last = history.LastBefore(caller, from); last != nullptr) {
    if (last->id >= fresh) recalled.push_back(*last);
  } else if (history.truncated()) {
    // Earlier requests are forgotten: the first one held has the state that they left.
    const auto first = std::find_if(history.FirstFrom(from), requests.end(),
                                    [&](const Request& r) { return r.caller == caller; });
    if (first == requests.end() || first->at > to) return {};
    from = first->at;
    recalled.push_back(*first);
    recalled.back().after = first->before;
  }

  Curve curve(from, policy, recalled);
  const auto change_until = [&](const auto& is_due) {
    for (; change + 1 < changes.size() && is_due(changes[change + 1]); ++change) {
      curve.AdvanceTo(changes[change + 1].at);
      curve.SetPolicy(changes[change + 1]);
    }
  };
  for (auto it = history.FirstFrom(from); it != requests.end() && it->at <= to; ++it) {
    if (!Counts(*it, caller)) continue;
    change_until([&](const PolicyChange& next) { return next.first_request <= it->id; });
    curve.AdvanceTo(it->at);
    curve.Charge(*it);
  }
  change_until([&](const PolicyChange& next) { return next.at <= to; });
  curve.AdvanceTo(to);
  return curve.Take();
}

}  // namespace sluice::sim
