// Walks a caller's state through time, from one change to the next.
#include "model/used_curve.h"

#include <algorithm>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/state.h"

namespace sluice::sim {
namespace {

// One caller's use of the limit, from one change to the next: its state, evolved by the core alone.
class Walk {
 public:
  explicit Walk(const Algorithm& algorithm)
      : algorithm_(algorithm), state_(FreshState(algorithm)) {}

  void Start(const Algorithm& algorithm) {
    algorithm_ = algorithm;
    state_ = FreshState(algorithm);
    ends_.clear();
  }
  // Keeps the state: other numbers for the same algorithm.
  void SetAlgorithm(const Algorithm& algorithm) { algorithm_ = algorithm; }

  // Just after any event at that moment.
  double Used(Nanos at) {
    if (!HoldsSlots()) return UsedOf(algorithm_, Read(algorithm_, at, 0));
    ends_.erase(ends_.begin(), ends_.upper_bound(at));
    return static_cast<double>(ends_.size());
  }
  // The next moment after `at` at which less is in use, or when a straight fall ends; none if
  // nothing is in use.
  std::optional<Nanos> NextChange(Nanos at) {
    const double used = Used(at);
    if (used == 0) return std::nullopt;
    if (HoldsSlots()) return *ends_.begin();
    if (IsSloped()) return at + Nanos{Read(algorithm_, at, 0).numbers[0]};
    // A limit of what is in use admits one more unit when less is.
    const Algorithm full = WithLimit(algorithm_, static_cast<std::int64_t>(used)).value();
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
    if (HoldsSlots()) {
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
  bool IsSloped() const { return IsTat(algorithm_); }

 private:
  static Moment MomentOf(Nanos at) { return {.now = at, .wall = ToMicros(at)}; }
  bool HoldsSlots() const { return std::holds_alternative<Concurrency>(algorithm_); }
  Reading Read(const Algorithm& algorithm, Nanos at, std::int64_t cost) const {
    return ReadState(algorithm, &state_, MomentOf(at), cost, false);
  }

  Algorithm algorithm_;
  State state_;
  std::multiset<Nanos> ends_;  // of calls that hold a slot: most end before it expires
};

// How long a charge may count on. A TAT and windows are known from the last request alone.
Nanos MemoryOf(const Algorithm& algorithm) {
  if (const auto* log = std::get_if<SlidingLog>(&algorithm)) return log->window();
  if (const auto* slots = std::get_if<Concurrency>(&algorithm)) return slots->ttl();
  return Nanos{0};
}

// A walk and the corners that it has passed.
class Curve {
 public:
  // `recalled`: earlier requests that still count when the curve begins.
  Curve(Nanos from, const Algorithm& algorithm, const std::vector<Request>& recalled)
      : now_(from), walk_(algorithm) {
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
    const Algorithm& algorithm = change.policy->algorithm;
    change.fresh ? walk_.Start(algorithm) : walk_.SetAlgorithm(algorithm);
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

double UsedOf(const Algorithm& algorithm, const Reading& reading) {
  return std::visit(
      [&](const auto& a) {
        using A = std::decay_t<decltype(a)>;
        if constexpr (A::kIsTat) {
          return static_cast<double>(reading.numbers[0]) /
                 static_cast<double>(a.rule().interval.count());
        } else if constexpr (std::is_same_v<A, FixedWindow>) {
          return static_cast<double>(reading.numbers[1]);
        } else if constexpr (std::is_same_v<A, SlidingWindow>) {
          return static_cast<double>(a.Estimate(reading));
        } else {
          return static_cast<double>(reading.numbers[0]);
        }
      },
      algorithm);
}

std::vector<UsedPoint> UsedCurve(const History& history, std::uint32_t caller, Nanos from,
                                 Nanos to) {
  const auto& changes = history.policy_changes();
  const auto& requests = history.requests();
  std::size_t change = 0;
  while (change + 1 < changes.size() && changes[change + 1].at <= from) ++change;
  const Algorithm& algorithm = changes[change].policy->algorithm;
  const std::uint64_t fresh = history.FreshSince(from);

  // The requests that still count at its start.
  std::vector<Request> recalled;
  if (const Nanos memory = MemoryOf(algorithm); memory > Nanos{0}) {
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

  Curve curve(from, algorithm, recalled);
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
