// Walks a caller's state through time, from one change to the next.
#include "model/used_curve.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

#include "model/key_state.h"

namespace sluice::sim {
namespace {

constexpr std::int64_t kWhole = 1024;  // the weight of a sliding window's previous window in full

// What is in use of one caller's limit, if no call comes.
class Walk {
 public:
  virtual ~Walk() = default;
  // Just after whatever happens at that moment.
  virtual double Used(Nanos at) = 0;
  // The next moment after `at` from which it goes another way; none if nothing is in use then.
  virtual std::optional<Nanos> NextChange(Nanos at) = 0;
  // A request that was admitted, at a cost of 1 or more.
  virtual void Charge(const Request& request) = 0;
  // Whether it goes straight between two changes; else it stays and then drops.
  virtual bool IsSloped() const { return false; }
};

class TatWalk final : public Walk {
 public:
  double Used(Nanos at) override {
    return UsedOf(algorithm_, {.numbers = {Backlog(tat_, at).count()}, .blocked = {}});
  }
  std::optional<Nanos> NextChange(Nanos at) override {
    return tat_ > at ? std::optional(tat_) : std::nullopt;
  }
  void Charge(const Request& request) override {
    tat_ = request.at + Nanos{request.after.numbers[0]};
  }
  bool IsSloped() const override { return true; }

  TatWalk(const Algorithm& algorithm, Nanos tat) : algorithm_(algorithm), tat_(tat) {}
  Nanos tat() const { return tat_; }

 private:
  Algorithm algorithm_;
  Nanos tat_;
};

class FixedWindowWalk final : public Walk {
 public:
  explicit FixedWindowWalk(const FixedWindow& window) : window_(window) {}
  double Used(Nanos at) override {
    return static_cast<double>(window_.Read(state_, ToMicros(at)).numbers[1]);
  }
  std::optional<Nanos> NextChange(Nanos at) override {
    const Nanos end = window_.EndOf(state_.start);
    return state_.count > 0 && end > at ? std::optional(end) : std::nullopt;
  }
  void Charge(const Request& request) override {
    state_ = window_.Store(request.after, ToMicros(request.at));
  }

 private:
  FixedWindow window_;
  FixedWindow::State state_;
};

class SlidingWindowWalk final : public Walk {
 public:
  explicit SlidingWindowWalk(const SlidingWindow& window) : window_(window) {}
  double Used(Nanos at) override {
    return static_cast<double>(window_.Estimate(window_.Read(state_, ToMicros(at))));
  }
  std::optional<Nanos> NextChange(Nanos at) override {
    const Micros now = ToMicros(at);
    const Reading reading = window_.Read(state_, now);
    const auto& [left, current, previous] = reading.numbers;
    if (current == 0 && previous == 0) return std::nullopt;
    const std::int64_t width = window_.window().count();
    const std::int64_t weight = (left * kWhole + width - 1) / width;
    const auto share = [previous = previous](std::int64_t of) {
      return (previous * of + kWhole - 1) / kWhole;
    };
    // The largest lighter weight that counts less; the weight falls to w with w * W / 1024 left.
    std::int64_t lighter = weight - 1;
    while (lighter > 0 && share(lighter) == share(weight)) --lighter;
    return now + Micros{left - lighter * width / kWhole};
  }
  void Charge(const Request& request) override {
    state_ = window_.Store(request.after, ToMicros(request.at));
  }

 private:
  SlidingWindow window_;
  SlidingWindow::State state_;
};

class LogWalk final : public Walk {
 public:
  explicit LogWalk(const SlidingLog& log) : window_(log.window()) {}
  double Used(Nanos at) override {
    Forget(at);
    return static_cast<double>(sum_);
  }
  std::optional<Nanos> NextChange(Nanos at) override {
    Forget(at);
    return leaving_.empty() ? std::nullopt : std::optional(leaving_.front().first);
  }
  void Charge(const Request& request) override {
    leaving_.emplace_back(ToMicros(request.at) + window_, request.cost);
    sum_ += request.cost;
  }

 private:
  void Forget(Nanos until) {
    for (; !leaving_.empty() && leaving_.front().first <= until; leaving_.pop_front()) {
      sum_ -= leaving_.front().second;
    }
  }

  Micros window_;
  std::deque<std::pair<Nanos, std::int64_t>> leaving_;  // when, how much
  std::int64_t sum_ = 0;
};

class SlotWalk final : public Walk {
 public:
  double Used(Nanos at) override {
    Free(at);
    return static_cast<double>(ends_.size());
  }
  std::optional<Nanos> NextChange(Nanos at) override {
    Free(at);
    return ends_.empty() ? std::nullopt : std::optional(*ends_.begin());
  }
  void Charge(const Request& request) override { ends_.insert(request.HeldUntil()); }

 private:
  void Free(Nanos until) { ends_.erase(ends_.begin(), ends_.upper_bound(until)); }

  std::multiset<Nanos> ends_;
};

// How long a charge may count on. A TAT and windows are known from the last request alone.
Nanos MemoryOf(const Algorithm& algorithm) {
  if (const auto* log = std::get_if<SlidingLog>(&algorithm)) return log->window();
  if (const auto* slots = std::get_if<Concurrency>(&algorithm)) return slots->ttl();
  return Nanos{0};
}

std::unique_ptr<Walk> StartWalk(const Algorithm& algorithm) {
  return std::visit(
      [&](const auto& a) -> std::unique_ptr<Walk> {
        using A = std::decay_t<decltype(a)>;
        if constexpr (A::kIsTat) return std::make_unique<TatWalk>(a, Nanos{0});
        if constexpr (std::is_same_v<A, FixedWindow>) return std::make_unique<FixedWindowWalk>(a);
        if constexpr (std::is_same_v<A, SlidingWindow>) {
          return std::make_unique<SlidingWindowWalk>(a);
        }
        if constexpr (std::is_same_v<A, SlidingLog>) return std::make_unique<LogWalk>(a);
        if constexpr (std::is_same_v<A, Concurrency>) return std::make_unique<SlotWalk>();
      },
      algorithm);
}

// A walk and the corners that it has passed.
class Curve {
 public:
  // `recalled`: what came before the curve begins and still counts.
  Curve(Nanos from, const Algorithm& algorithm, const std::vector<Request>& recalled)
      : now_(from), walk_(StartWalk(algorithm)) {
    for (const Request& request : recalled) walk_->Charge(request);
    Note();
  }

  void AdvanceTo(Nanos at) {
    for (auto next = walk_->NextChange(now_); next && *next < at; next = walk_->NextChange(now_)) {
      MoveTo(*next);
    }
    MoveTo(at);
  }
  void Charge(const Request& request) {
    walk_->Charge(request);
    Note();
  }
  // The caller's state stays, unless it starts anew; only a TAT means another amount then.
  void SetPolicy(const PolicyChange& change) {
    const Algorithm& algorithm = change.policy->algorithm;
    if (change.fresh) {
      walk_ = StartWalk(algorithm);
    } else if (const auto* tat = dynamic_cast<TatWalk*>(walk_.get())) {
      walk_ = std::make_unique<TatWalk>(algorithm, tat->tat());
    }
    Note();
  }
  std::vector<UsedPoint> Take() { return std::move(points_); }

 private:
  void MoveTo(Nanos at) {
    const double before = points_.back().used;
    now_ = at;
    const double used = walk_->Used(at);
    if (!walk_->IsSloped() && used != before) points_.push_back({at, before});
    points_.push_back({at, used});
  }
  void Note() { points_.push_back({now_, walk_->Used(now_)}); }

  Nanos now_;
  std::unique_ptr<Walk> walk_;
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

  // What the curve begins with.
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
    // What came before is forgotten: the first request still held says what it left.
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
