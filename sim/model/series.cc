// Works the curves out.
#include "model/series.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace sluice::sim {
namespace {

// Walks a key's TAT through time and notes the corners of its level.
class LevelWalk {
 public:
  LevelWalk(const TatRule& rule, Nanos tat, Nanos from) : rule_(rule), tat_(tat), now_(from) {
    Note(from);
  }

  void AdvanceTo(Nanos at) {
    if (tat_ > now_ && tat_ < at) Note(tat_);  // it becomes full here
    now_ = at;
    Note(at);
  }
  void SetTat(Nanos tat) {
    tat_ = tat;
    Note(now_);
  }
  void SetRule(const TatRule& rule) {
    rule_ = rule;
    Note(now_);
  }
  std::vector<LevelPoint> Take() { return std::move(points_); }

 private:
  void Note(Nanos at) { points_.push_back({at, LevelOf(rule_, Backlog(tat_, at))}); }

  TatRule rule_;
  Nanos tat_;
  Nanos now_;
  std::vector<LevelPoint> points_;
};

}  // namespace

double LevelOf(const TatRule& rule, Nanos backlog) {
  return static_cast<double>((rule.Span() - backlog).count()) /
         static_cast<double>(rule.interval.count());
}

std::vector<LevelPoint> LevelCurve(const History& history, std::uint32_t caller, Nanos from,
                                   Nanos to) {
  const Request* before = history.LastBefore(caller, from);
  Nanos tat = before != nullptr ? before->Tat() : Nanos{0};
  if (before == nullptr && history.truncated()) {
    // What came before is forgotten: the first request still held says what it left.
    const auto first = std::find_if(history.FirstFrom(from), history.requests().end(),
                                    [&](const Request& r) { return r.caller == caller; });
    if (first == history.requests().end() || first->at > to) return {};
    from = first->at;
    tat = first->at + first->backlog_before;
  }
  const auto& changes = history.rule_changes();
  std::size_t change = 0;
  while (change + 1 < changes.size() && changes[change + 1].at <= from) ++change;

  LevelWalk walk(changes[change].rule, tat, from);
  const auto change_rules_until = [&](Nanos at) {
    for (; change + 1 < changes.size() && changes[change + 1].at <= at; ++change) {
      walk.AdvanceTo(changes[change + 1].at);
      walk.SetRule(changes[change + 1].rule);
    }
  };
  for (auto it = history.FirstFrom(from); it != history.requests().end() && it->at <= to; ++it) {
    if (it->caller != caller) continue;
    change_rules_until(it->at);
    walk.AdvanceTo(it->at);
    if (it->decision.allowed) walk.SetTat(it->Tat());
  }
  change_rules_until(to);
  walk.AdvanceTo(to);
  return walk.Take();
}

std::vector<RateBucket> RateBuckets(const History& history, std::uint32_t caller, Nanos from,
                                    Nanos to, Nanos width) {
  const std::int64_t first = from / width;
  std::vector<RateBucket> buckets(static_cast<std::size_t>(to / width - first + 1));
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets[i].start = (first + static_cast<std::int64_t>(i)) * width;
  }
  for (auto it = history.FirstFrom(first * width); it != history.requests().end(); ++it) {
    const std::int64_t index = it->at / width - first;
    if (index >= static_cast<std::int64_t>(buckets.size())) break;
    if (it->caller != caller) continue;
    RateBucket& bucket = buckets[static_cast<std::size_t>(index)];
    bucket.offered += it->cost;
    if (it->decision.allowed) bucket.admitted += it->cost;
  }
  return buckets;
}

RateBucket RateOver(const History& history, std::uint32_t caller, Nanos from, Nanos to) {
  RateBucket sum{from, 0, 0};
  for (auto it = history.FirstFrom(from + Nanos{1}); it != history.requests().end(); ++it) {
    if (it->at > to) break;
    if (it->caller != caller) continue;
    sum.offered += it->cost;
    if (it->decision.allowed) sum.admitted += it->cost;
  }
  return sum;
}

}  // namespace sluice::sim
