// The plain model of a key under several policies.
#include "support/reference_key.h"

#include <type_traits>

#include "support/wait_until.h"

namespace sluice::testing {
namespace {

// The call's own limit, or the policy's.
std::int64_t LimitFor(const Policy& policy, const Ask& ask) {
  return ask.limit != kOwnLimit ? ask.limit : LimitOf(policy.algorithm);
}

bool NeverFits(const Policy& policy, const Ask& ask) {
  const bool counts_units = !std::holds_alternative<Concurrency>(policy.algorithm);
  return (counts_units ? ask.cost : std::min<std::int64_t>(1, ask.cost)) > LimitFor(policy, ask);
}

// The largest cost that `state` admits.
template <typename State>
std::int64_t Remaining(const State& state, std::int64_t limit, Nanos now) {
  std::int64_t fits = 0;
  std::int64_t too_much = limit + 1;
  while (too_much - fits > 1) {
    const std::int64_t middle = fits + (too_much - fits) / 2;
    (state.Admits(middle, limit, kNoWait, now) ? fits : too_much) = middle;
  }
  return fits;
}

std::int64_t Remaining(const ReferenceSlots& state, std::int64_t limit, Nanos now) {
  return std::max<std::int64_t>(0, limit - state.Held(now));
}

}  // namespace

void ReferenceKey::Use(const std::vector<Policy>& policies) { policies_ = policies; }

ReferenceKey::Entry& ReferenceKey::EntryOf(std::size_t policy) {
  const auto& [name, algorithm, block_for, charge_denied, enforce] = policies_[policy];
  const auto fresh = [](const auto& a) -> Entry {
    using A = std::remove_cvref_t<decltype(a)>;
    if constexpr (std::is_same_v<A, LeakyBucket>) {
      return {ReferenceVessel(a.rule().interval, a.mode() == LeakyBucket::Mode::kShape)};
    } else if constexpr (A::kIsTat) {
      return {ReferenceVessel(a.rule().interval, false)};
    } else if constexpr (std::is_same_v<A, FixedWindow>) {
      return {ReferenceFixedWindow(a)};
    } else if constexpr (std::is_same_v<A, SlidingWindow>) {
      return {ReferenceSlidingWindow(a)};
    } else if constexpr (std::is_same_v<A, SlidingLog>) {
      return {ReferenceLog(a)};
    } else {
      return {ReferenceSlots(a)};
    }
  };
  Entry now = std::visit(fresh, algorithm);
  const auto [found, is_new] = entries_.try_emplace(name + ":" + StateTag(algorithm), now);
  Entry& entry = found->second;
  if (is_new) return entry;
  // Converts the old state to the new numbers.
  if (auto* vessel = std::get_if<ReferenceVessel>(&entry.state)) {
    vessel->Adopt(std::get<ReferenceVessel>(now.state));
  } else if (auto* slots = std::get_if<ReferenceSlots>(&entry.state)) {
    slots->Adopt(std::get<ReferenceSlots>(now.state));
  }
  return entry;
}

bool ReferenceKey::Check(const Question& question, Nanos now, std::span<Decision> decisions) {
  const std::size_t count = policies_.size();
  std::vector<bool> admits(count, true);
  bool allowed = true;
  bool exceeds_capacity = false;
  for (std::size_t i = 0; i < count; ++i) {
    const Ask& ask = question.asks[i];
    if (ask.cost == 0) continue;
    Entry& entry = EntryOf(i);
    const bool never = NeverFits(policies_[i], ask);
    const std::int64_t limit = LimitFor(policies_[i], ask);
    admits[i] = !never && !entry.Blocked(now) &&
                std::visit(
                    [&](const auto& state) {
                      return state.Admits(ask.cost, limit, question.max_wait, now);
                    },
                    entry.state);
    if (!policies_[i].enforce) continue;
    allowed = allowed && admits[i];
    exceeds_capacity = exceeds_capacity || never;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Ask& ask = question.asks[i];
    const Policy& policy = policies_[i];
    const std::int64_t limit = LimitFor(policy, ask);
    Entry& entry = EntryOf(i);
    Nanos delay{0};
    if (const auto* vessel = std::get_if<ReferenceVessel>(&entry.state);
        vessel != nullptr && allowed && policy.enforce) {
      delay = vessel->Delay(ask.cost, limit, now);
    }
    if (ask.cost > 0 && !exceeds_capacity && !NeverFits(policy, ask)) {
      std::visit(
          [&](auto& state) {
            if (allowed && admits[i]) {
              state.Take(ask.cost, question.holder, now);
            } else if (policy.charge_denied) {
              state.TakeDenied(ask.cost, limit, question.holder, now);
            }
          },
          entry.state);
      if (!admits[i] && policy.block_for > Nanos{0} && !entry.Blocked(now))
        entry.blocked_until = now + policy.block_for;
    }
    decisions[i] = Describe(i, question, admits[i], now);
    decisions[i].delay = delay;
  }
  return allowed;
}

Decision ReferenceKey::Describe(std::size_t policy, const Question& question, bool admits,
                                Nanos now) {
  const Ask& ask = question.asks[policy];
  const Entry& entry = EntryOf(policy);
  Decision decision;
  decision.allowed = admits;
  decision.enforced = policies_[policy].enforce;
  decision.limit = LimitFor(policies_[policy], ask);
  std::visit(
      [&](const auto& state) {
        decision.remaining = entry.Blocked(now) ? 0 : Remaining(state, decision.limit, now);
        decision.reset_after = WaitUntil(
            now, [&](Nanos moment) { return !entry.Blocked(moment) && state.IsNew(moment); });
        decision.mark = state.Mark(now);
        if (admits) return;
        const bool never = NeverFits(policies_[policy], ask);
        decision.blocked = !never && entry.Blocked(now);
        decision.retry_after = never ? kNever : WaitUntil(now, [&](Nanos at) {
          return !entry.Blocked(at) &&
                 state.Admits(ask.cost, decision.limit, question.max_wait, at);
        });
      },
      entry.state);
  return decision;
}

bool ReferenceKey::Peek(const Question& question, Nanos now, std::span<Decision> decisions) {
  ReferenceKey charged = *this;
  const bool allowed = charged.Check(question, now, decisions);
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Decision stands = Describe(i, question, true, now);
    decisions[i].remaining = stands.remaining;
    decisions[i].reset_after = stands.reset_after;
  }
  return allowed;
}

void ReferenceKey::Debit(Units units, Nanos now) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i] == 0) continue;
    std::visit([&](auto& state) { state.Debit(units[i], LimitOf(policies_[i].algorithm), now); },
               EntryOf(i).state);
  }
}

void ReferenceKey::Credit(Units units, Marks marks, Nanos now) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto mark = marks.empty() ? std::nullopt : std::optional(marks[i]);
    std::visit([&](auto& state) { state.GiveBack(units[i], mark, now); }, EntryOf(i).state);
  }
}

bool ReferenceKey::Abort(Units units, Marks marks, Nanos now) {
  bool given_back = true;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i] == 0) continue;
    if (auto* vessel = std::get_if<ReferenceVessel>(&EntryOf(i).state)) {
      const std::int64_t limit = LimitOf(policies_[i].algorithm);
      given_back = vessel->Abort(units[i], limit, marks[i], now) && given_back;
    } else {
      std::visit([&](auto& state) { state.GiveBack(units[i], marks[i], now); }, EntryOf(i).state);
    }
  }
  return given_back;
}

bool ReferenceKey::Release(HolderId holder, Nanos now) {
  bool all = true;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if (auto* slots = std::get_if<ReferenceSlots>(&EntryOf(i).state)) {
      all = slots->Release(holder, now) && all;
    }
  }
  return all;
}

bool ReferenceKey::Renew(HolderId holder, Nanos now) {
  bool all = true;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if (auto* slots = std::get_if<ReferenceSlots>(&EntryOf(i).state)) {
      all = slots->Renew(holder, now) && all;
    }
  }
  return all;
}

bool ReferenceKey::Holds(std::size_t policy, HolderId holder, Nanos now) {
  return std::get<ReferenceSlots>(EntryOf(policy).state).Holds(holder, now);
}

void ReferenceKey::Block(std::span<const std::size_t> which, Nanos span, Nanos now) {
  for (const std::size_t i : which) EntryOf(i).blocked_until = now + span;
}

void ReferenceKey::Unblock(std::span<const std::size_t> which, Nanos /*now*/) {
  for (const std::size_t i : which) EntryOf(i).blocked_until = Nanos{0};
}

void ReferenceKey::Reset(Nanos /*now*/) {
  for (std::size_t i = 0; i < policies_.size(); ++i) Forget(i);
}

void ReferenceKey::Forget(std::size_t policy) {
  entries_.erase(policies_[policy].name + ":" + StateTag(policies_[policy].algorithm));
}

}  // namespace sluice::testing
