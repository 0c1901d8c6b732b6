// One key straight over the core.
#include "core_subject.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include "support/policies.h"

namespace sluice::testing {
namespace {

template <typename A>
constexpr bool kIsTat = std::remove_cvref_t<A>::kIsTat;
template <typename A>
constexpr bool kIsLog = std::is_same_v<std::remove_cvref_t<A>, SlidingLog>;
template <typename A>
constexpr bool kIsSlots = std::is_same_v<std::remove_cvref_t<A>, Concurrency>;

// The state that an algorithm keeps, as TatAlgorithm has none of its own.
template <typename A>
struct StateOf {
  using Type = typename A::State;
};
template <typename A>
requires A::kIsTat struct StateOf<A> {
  using Type = Nanos;
};

template <typename Item>
void MakeRoom(TimedList<Item>& list) {
  if (!list.full()) return;
  const std::size_t capacity = list.NextCapacity();
  auto room = std::make_unique<Item[]>(capacity);
  list.Exchange(room, capacity);
}

// What a store does about an effect on a state.
struct Change {
  const Reading& after;
  std::int64_t units;
  bool denied;
  HolderId holder;
  Moment now;

  void On(const TatAlgorithm& a, Nanos& tat) const { tat = now.now + a.ResetAfter(after); }
  void On(const FixedWindow& a, FixedWindow::State& state) const {
    state = a.Store(after, now.wall);
  }
  void On(const SlidingWindow& a, SlidingWindow::State& state) const {
    state = a.Store(after, now.wall);
  }
  void On(const SlidingLog& a, SlidingLog::State& state) const {
    MakeRoom(state.entries);
    a.Charge(state, units, now.wall);
  }
  void On(const Concurrency& a, Concurrency::State& state) const {
    if (denied && !a.Fits(a.Read(state, now.wall, units, false), units)) return;
    MakeRoom(state.slots);
    a.Charge(state, holder, now.wall);
  }
};

Moment At(Nanos now) { return {.now = now, .wall = ToMicros(now)}; }

bool IsPlain(std::span<const Policy> policies, const Subject::Question& question,
             std::span<const Reading> readings) {
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (!IsPlainTat(policies[i]) || question.asks[i].limit != kOwnLimit ||
        readings[i].blocked > Nanos{0}) {
      return false;
    }
  }
  return question.max_wait == kNoWait;
}

}  // namespace

CoreSubject::Entry& CoreSubject::EntryOf(const Policy& policy) {
  Entry& entry = entries_[policy.name + ":" + StateTag(policy.algorithm)];
  std::visit(
      [&entry](const auto& a) {
        using Kept = typename StateOf<std::remove_cvref_t<decltype(a)>>::Type;
        if (!std::holds_alternative<Kept>(entry.state)) entry.state.emplace<Kept>();
      },
      policy.algorithm);
  return entry;
}

std::vector<Reading> CoreSubject::ReadAll(const Question& question, Nanos now) {
  const bool hopeless = IsHopeless(policies_, question.asks);
  std::vector<Reading> readings;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Policy& policy = policies_[i];
    const std::int64_t cost = question.asks[i].cost;
    const bool charges = policy.charge_denied && !hopeless;
    Entry& entry = EntryOf(policy);
    readings.push_back(std::visit(
        [&]<typename A>(const A& a) -> Reading {
          const auto& state = std::get<typename StateOf<A>::Type>(entry.state);
          if constexpr (kIsTat<A>) {
            return {.numbers = {Backlog(state, now).count(), 0, 0}, .blocked = {}};
          } else if constexpr (kIsLog<A> || kIsSlots<A>) {
            return a.Read(state, ToMicros(now), cost, charges);
          } else {
            return a.Read(state, ToMicros(now));
          }
        },
        AlgorithmFor(policy, question.asks[i])));
    readings.back().blocked = std::max(Nanos{0}, entry.blocked_until - now);
  }
  return readings;
}

Judgement CoreSubject::Decide(const Question& question, std::span<const Reading> readings,
                              Nanos now, std::span<Decision> decisions) {
  const Judgement judgement = Judge(policies_, question.asks, readings, question.max_wait);
  Describe(policies_, question.asks, readings, judgement, At(now), decisions);
  if (!IsPlain(policies_, question, readings)) return judgement;

  std::vector<std::int64_t> costs;
  std::vector<Nanos> backlogs;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    costs.push_back(question.asks[i].cost);
    backlogs.emplace_back(readings[i].numbers[0]);
  }
  std::vector<Decision> quick(policies_.size());
  bool same = DecideTats(policies_, costs, backlogs, now, quick) == judgement.allowed;
  for (std::size_t i = 0; i < quick.size(); ++i) {
    same = same && Same(quick[i], decisions[i]) && quick[i].mark == decisions[i].mark;
  }
  if (!same) throw std::logic_error("DecideTats answers otherwise than Judge and Describe");
  return judgement;
}

bool CoreSubject::Check(const Question& question, Nanos now, std::span<Decision> decisions) {
  const std::vector<Reading> readings = ReadAll(question, now);
  const Judgement judgement = Decide(question, readings, now, decisions);
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Judgement::Part& part = judgement.parts[i];
    const Ask& ask = question.asks[i];
    const Reading after = After(policies_[i], ask, readings[i], part);
    Entry& entry = EntryOf(policies_[i]);
    if (part.starts_block) entry.blocked_until = now + after.blocked;
    if (part.effect == Effect::kNone) continue;
    const Change change{after, ask.cost, part.effect == Effect::kChargeDenied, question.holder,
                        At(now)};
    std::visit([&]<typename A>(
                   const A& a) { change.On(a, std::get<typename StateOf<A>::Type>(entry.state)); },
               AlgorithmFor(policies_[i], ask));
  }
  return judgement.allowed;
}

bool CoreSubject::Peek(const Question& question, Nanos now, std::span<Decision> decisions) {
  const std::vector<Reading> readings = ReadAll(question, now);
  const Judgement judgement = Judge(policies_, question.asks, readings, question.max_wait);
  DescribePeek(policies_, question.asks, readings, judgement, decisions);
  return judgement.allowed;
}

void CoreSubject::Debit(Units units, Nanos now) {
  const std::vector<Reading> readings =
      ReadAll({.asks = std::vector<Ask>(units.size()), .holder = {}}, now);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i] == 0) continue;
    std::visit(
        [&]<typename A>(const A& a) {
          if constexpr (!kIsSlots<A>) {
            Reading after = readings[i];
            if constexpr (!kIsLog<A>) after = a.Debited(after, units[i]);
            const Change change{after, units[i], false, {}, At(now)};
            change.On(a, std::get<typename StateOf<A>::Type>(EntryOf(policies_[i]).state));
          }
        },
        policies_[i].algorithm);
  }
}

bool CoreSubject::GiveBack(const Policy& policy, std::int64_t units, const std::int64_t* mark,
                           bool aborted, Nanos now) {
  const auto given_mark = mark == nullptr ? std::nullopt : std::optional(*mark);
  State& state = EntryOf(policy).state;
  const Micros wall = ToMicros(now);
  bool has_followers = false;
  std::visit(
      [&]<typename A>(const A& a) {
        if constexpr (kIsTat<A>) {
          auto& tat = std::get<Nanos>(state);
          const Reading before{.numbers = {Backlog(tat, now).count(), 0, 0}, .blocked = {}};
          std::optional<Nanos> undrained;
          if (mark != nullptr) undrained = Backlog(Nanos{*mark}, now);
          has_followers = aborted && units > 0 && a.HasFollowers(before, *undrained);
          const Reading after = aborted ? a.Aborted(before, units, *undrained)
                                        : a.GivenBack(before, units, undrained);
          if (after.numbers[0] != before.numbers[0]) tat = now + a.ResetAfter(after);
        } else if constexpr (kIsLog<A>) {
          a.GiveBack(std::get<SlidingLog::State>(state), units, given_mark, wall);
        } else if constexpr (!kIsSlots<A>) {
          auto& kept = std::get<typename A::State>(state);
          const Reading before = a.Read(kept, wall);
          const Reading after = a.GivenBack(before, units, given_mark, wall);
          if (after.numbers != before.numbers) kept = a.Store(after, wall);
        }
      },
      policy.algorithm);
  return !has_followers;
}

void CoreSubject::Credit(Units units, Marks marks, Nanos now) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    GiveBack(policies_[i], units[i], marks.empty() ? nullptr : &marks[i], false, now);
  }
}

bool CoreSubject::Abort(Units units, Marks marks, Nanos now) {
  bool given_back = true;
  for (std::size_t i = 0; i < units.size(); ++i) {
    given_back = GiveBack(policies_[i], units[i], &marks[i], true, now) && given_back;
  }
  return given_back;
}

bool CoreSubject::ForEachSlots(bool (*change)(const Concurrency&, Concurrency::State&, HolderId,
                                              Micros),
                               HolderId holder, Nanos now) {
  bool all = true;
  for (const Policy& policy : policies_) {
    if (const auto* slots = std::get_if<Concurrency>(&policy.algorithm)) {
      auto& state = std::get<Concurrency::State>(EntryOf(policy).state);
      all = change(*slots, state, holder, ToMicros(now)) && all;
    }
  }
  return all;
}

bool CoreSubject::Release(HolderId holder, Nanos now) {
  return ForEachSlots([](const Concurrency& a, Concurrency::State& state, HolderId id,
                         Micros at) { return a.Release(state, id, at); },
                      holder, now);
}

bool CoreSubject::Renew(HolderId holder, Nanos now) {
  return ForEachSlots([](const Concurrency& a, Concurrency::State& state, HolderId id,
                         Micros at) { return a.Renew(state, id, at); },
                      holder, now);
}

void CoreSubject::Block(std::span<const std::size_t> which, Nanos span, Nanos now) {
  for (const std::size_t i : which) EntryOf(policies_[i]).blocked_until = now + span;
}

void CoreSubject::Unblock(std::span<const std::size_t> which, Nanos /*now*/) {
  for (const std::size_t i : which) EntryOf(policies_[i]).blocked_until = Nanos{0};
}

void CoreSubject::Reset(Nanos /*now*/) {
  for (const Policy& policy : policies_) {
    entries_.erase(policy.name + ":" + StateTag(policy.algorithm));
  }
}

}  // namespace sluice::testing
