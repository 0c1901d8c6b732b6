// A table of fixed size: a hash of the caller selects a set of a few entries.
#include "limiter/denial_cache.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <variant>

namespace sluice {
namespace {

bool GivesSlots(const Policy& policy) {
  return std::holds_alternative<Concurrency>(policy.algorithm);
}

bool IsLog(const Policy& policy) { return std::holds_alternative<SlidingLog>(policy.algorithm); }

Nanos CountDown(Nanos span, Nanos by) {
  return span == kNever ? kNever : std::max(Nanos{0}, span - by);
}

}  // namespace

bool DenialCache::Suits(std::span<const Policy> policies) {
  return std::ranges::none_of(policies, &Policy::charge_denied) &&
         !std::ranges::all_of(policies, GivesSlots);
}

DenialCache::DenialCache(std::vector<Policy> policies)
    : policies_(std::move(policies)), tags_(kCapacity), sets_(kSets) {}

// Not keyed: entries are compared in full, so a forged collision only evicts another caller's
// entry.
DenialCache::Place::Place(std::string_view who) {
  const std::uint64_t hash = std::hash<std::string_view>()(who);
  set = hash % kSets;
  tag = static_cast<Tag>(hash >> 32) | 1;
}

void DenialCache::Keep(std::string_view who, const Denial& denial) {
  Nanos life = kLongestLife;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if (denial.decisions[i].allowed) continue;
    if (GivesSlots(policies_[i])) return;
    life = std::min(life, denial.decisions[i].retry_after);
  }
  const Nanos end = denial.asked + life;
  if (end <= denial.told) return;
  const Evaluation evaluation = Evaluate(policies_, denial.asks, denial.readings, kNoWait);

  const Place place(who);
  const std::scoped_lock lock(mutex_);
  if (sets_[place.set] == nullptr) sets_[place.set] = std::make_unique<Set>();
  const std::size_t way = PlaceFor(place, who);
  Entry& entry = (*sets_[place.set])[way];
  entry.who = who;
  entry.readings.resize(policies_.size());
  entry.costs.resize(policies_.size());
  entry.deniers = 0;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Evaluation::Part& part = evaluation.parts[i];
    entry.readings[i] = ReadingAfter(policies_[i], denial.asks[i], denial.readings[i], part);
    entry.costs[i] = denial.asks[i].cost;
    if (policies_[i].enforce && !part.admits) entry.deniers |= std::uint32_t{1} << i;
  }
  entry.tick = denial.tick;
  entry.asked = denial.asked;
  entry.told = denial.told;
  entry.end = end;
  TagAt(place.set, way).store(place.tag, std::memory_order_relaxed);
  if (end.count() > last_end_.load(std::memory_order_relaxed)) last_end_.store(end.count());
}

bool DenialCache::MayHold(std::string_view who, Nanos now) const {
  if (now.count() >= last_end_.load()) return false;
  const Place place(who);
  const auto tags = std::span(tags_).subspan(place.set * kWays, kWays);
  return std::ranges::any_of(tags, [&place](const std::atomic<Tag>& tag) {
    return tag.load(std::memory_order_relaxed) == place.tag;
  });
}

bool DenialCache::Answer(std::string_view who, std::span<const Ask> asks, KeyChanges::Tick changed,
                         Nanos now, Result& result) {
  const Place place(who);
  const std::scoped_lock lock(mutex_);
  const std::size_t way = Find(place, who);
  if (way == kWays) return false;
  const Entry& entry = (*sets_[place.set])[way];
  if (entry.tick >= changed && now < entry.end && Decide(entry, asks, now, result)) return true;
  TagAt(place.set, way).store(0, std::memory_order_relaxed);
  return false;
}

void DenialCache::Forget(std::string_view who) {
  const Place place(who);
  const std::scoped_lock lock(mutex_);
  const std::size_t way = Find(place, who);
  if (way < kWays) TagAt(place.set, way).store(0, std::memory_order_relaxed);
}

std::size_t DenialCache::Find(const Place& place, std::string_view who) {
  for (std::size_t way = 0; way < kWays; ++way) {
    if (TagAt(place.set, way).load(std::memory_order_relaxed) == place.tag &&
        (*sets_[place.set])[way].who == who) {
      return way;
    }
  }
  return kWays;
}

std::size_t DenialCache::PlaceFor(const Place& place, std::string_view who) {
  const std::size_t own = Find(place, who);
  if (own < kWays) return own;
  const Set& set = *sets_[place.set];
  const auto end_of = [&](std::size_t way) {
    const bool free = TagAt(place.set, way).load(std::memory_order_relaxed) == 0;
    return free ? Nanos::min() : set[way].end;
  };
  std::size_t soonest = 0;
  for (std::size_t way = 1; way < kWays; ++way) {
    if (end_of(way) < end_of(soonest)) soonest = way;
  }
  return soonest;
}

bool DenialCache::Decide(const Entry& entry, std::span<const Ask> asks, Nanos now,
                         Result& result) const {
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if ((entry.deniers >> i & 1) != 0 && asks[i].cost < entry.costs[i]) return false;
  }
  // States that denied a lower or equal cost deny this one.
  const Evaluation evaluation = Evaluate(policies_, asks, entry.readings, kNoWait);
  result.allowed = evaluation.allowed;
  result.source = Source::kCache;
  result.count = static_cast<std::uint8_t>(policies_.size());
  // Denials have no mark, so any time will do.
  WriteDecisions(policies_, asks, entry.readings, evaluation, Moment{}, result.Decisions());
  // The reading thread's clock may be behind that of the thread that took the answer.
  const Nanos age = std::max(Nanos{0}, now - entry.told);
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    Decision& decision = result.decisions[i];
    if (!decision.allowed) {
      // Policies that admitted the cached cost may deny this one.
      if (GivesSlots(policies_[i]) || evaluation.parts[i].starts_block) return false;
      if (IsLog(policies_[i]) && asks[i].cost != entry.costs[i]) return false;
      if (decision.retry_after <= now - entry.asked) return false;
      decision.retry_after = CountDown(decision.retry_after, age);
    }
    decision.reset_after = CountDown(decision.reset_after, age);
  }
  result.binding = static_cast<std::uint8_t>(BindingPolicy(result.Decisions()));
  return true;
}

}  // namespace sluice
