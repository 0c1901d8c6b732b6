// What changes states without deciding anything: debts, gifts, slots, blocks, forgetting.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "quiescence.h"
#include "store/memory_store.h"
#include "store_tables.h"

namespace sluice {
namespace {

using Subject = MemoryStore::Subject;

// How far a TAT that a charge came to still lies ahead. A mark that went through JavaScript is
// known modulo 2^53 only. Once the clock has come that far, what would lie further ahead than a
// charge under the rule can reach is taken for one that has passed: so a mark is misread only if it
// is older than four days, and that under a policy which takes weeks to refill.
Nanos Undrained(std::int64_t mark, Nanos now, const TatRule& rule, const Reading& reading) {
  constexpr std::int64_t kModulus = std::int64_t{1} << 53;
  if (mark >= kModulus || (now + kLongestSpan).count() < kModulus) {
    return std::max(Nanos{0}, Nanos{mark} - now);
  }
  const Nanos ahead{(mark - now.count() % kModulus + kModulus) % kModulus};
  const Nanos reach = 2 * std::max(rule.Span(), Nanos{reading.numbers[0]}) + std::chrono::days(1);
  return ahead > std::min(kLongestSpan, reach) ? Nanos{0} : ahead;
}

// Sets a TAT to what `change(algorithm, reading)` says, which is a reading.
template <typename Change>
void ChangeTat(StoreTables& tables, const Subject& subject, std::size_t i, const Moment& now,
               Change change) {
  const Algorithm& algorithm = subject.policies[i].algorithm;
  const EntryHash entry = subject.entries[i];
  for (;;) {
    const TatTable::Cell cell = tables.tats.Find(entry.bits, now.now);
    const Reading before{.numbers = {Backlog(cell.tat(), now.now).count()}, .blocked = {}};
    const Reading after = std::visit(
        [&]<typename A>(const A& a) -> Reading {
          if constexpr (A::kIsTat) {
            return change(a, before);
          } else {
            return before;
          }
        },
        algorithm);
    if (after.numbers[0] == before.numbers[0]) return;
    if (after.numbers[0] <= 0) {
      if (tables.tats.Erase(cell)) return;
      continue;
    }
    if (!cell.held() && !tables.HasRoomFor(1)) tables.MakeRoom(1, entry, subject.entries, now);
    const auto standing =
        cell.denied() ? TatTable::Standing::kDenied : TatTable::Standing::kAdmitted;
    if (tables.tats.Set(cell, entry.bits, now.now + Nanos{after.numbers[0]}, RuleOf(algorithm),
                        now.now, standing)) {
      return;
    }
  }
}

// Makes what `change(state)` makes of a wide state, if there is one.
template <typename Change>
void ChangeWide(StoreTables& tables, const Subject& subject, std::size_t i, const Moment& now,
                Change change) {
  const Algorithm& algorithm = subject.policies[i].algorithm;
  WideTable::Lock lock(tables.wides, subject.entries.subspan(i, 1));
  WideSlot* slot = lock.Find(subject.entries[i]);
  if (slot == nullptr) return;
  const std::size_t weight = WeightOf(slot->state);
  change(slot->state);
  const Reading after = ReadState(algorithm, &slot->state, WallFor(algorithm, now), 0, false);
  lock.Close(*slot, algorithm, after, ToMicros(now.now), weight);
}

// The mark may be known modulo 2^53 only: it is the one that lies nearest.
void CreditWide(const Algorithm& algorithm, WideState& state, std::int64_t units,
                std::optional<std::int64_t> mark, const Moment& now) {
  constexpr std::int64_t kModulus = std::int64_t{1} << 53;
  const Micros wall = WallFor(algorithm, now);
  if (mark) {
    std::int64_t ahead = (*mark - wall.count()) % kModulus;
    if (ahead >= kModulus / 2) ahead -= kModulus;
    if (ahead < -kModulus / 2) ahead += kModulus;
    mark = wall.count() + ahead;
  }
  CreditState(algorithm, state, units, mark, wall);
}

void DebitWide(StoreTables& tables, const Subject& subject, std::size_t i, std::int64_t units,
               const Moment& now) {
  const Algorithm& algorithm = subject.policies[i].algorithm;
  const EntryHash entry = subject.entries[i];
  for (bool seeks_room = true;;) {
    {
      WideTable::Lock lock(tables.wides, {&entry, 1});
      WideSlot* found = lock.Find(entry);
      const std::size_t keys_more = found == nullptr ? 1 : WeightOfOneMore(found->state);
      if (lock.Ready(found, entry, algorithm) && (!seeks_room || tables.HasRoomFor(keys_more))) {
        WideSlot& slot = lock.Open(found, entry, algorithm, ToMicros(now.now));
        const std::size_t weight = WeightOf(slot.state);
        const Micros wall = WallFor(algorithm, now);
        DebitState(algorithm, slot.state, units, wall);
        lock.Close(slot, algorithm, ReadState(algorithm, &slot.state, wall, 0, false),
                   ToMicros(now.now), weight);
        return;
      }
    }
    if (seeks_room) seeks_room = tables.MakeRoom(1, entry, subject.entries, now);
    tables.wides.Supply(entry, algorithm, ToMicros(now.now));
  }
}

bool HoldsSlots(const Policy& policy) {
  return std::holds_alternative<Concurrency>(policy.algorithm);
}

// Does `change(algorithm, state)` to all of the subject's lists of slots. Whether it was true of
// all of them.
template <typename Change>
bool ChangeSlots(StoreTables& tables, const Subject& subject, const Moment& now, Change change) {
  bool all = true;
  for (std::size_t i = 0; i < subject.policies.size(); ++i) {
    const Policy& policy = subject.policies[i];
    if (!HoldsSlots(policy)) continue;
    bool done = false;
    ChangeWide(tables, subject, i, now,
               [&](WideState& state) { done = change(policy.algorithm, state); });
    all = all && done;
  }
  return all;
}

}  // namespace

void MemoryStore::Debit(const Subject& subject, std::span<const std::int64_t> units, Nanos now) {
  const Quiescence::Guard guard;
  const Moment at = At(now);
  for (std::size_t i = 0; i < subject.policies.size(); ++i) {
    const Policy& policy = subject.policies[i];
    if (units[i] == 0 || HoldsSlots(policy)) continue;
    if (IsTat(policy.algorithm)) {
      ChangeTat(*tables_, subject, i, at,
                [&](const auto& a, const Reading& r) { return a.Debited(r, units[i]); });
    } else {
      DebitWide(*tables_, subject, i, units[i], at);
    }
  }
}

void MemoryStore::Credit(const Subject& subject, std::span<const std::int64_t> units,
                         std::span<const std::int64_t> marks, Nanos now) {
  const Quiescence::Guard guard;
  const Moment at = At(now);
  for (std::size_t i = 0; i < subject.policies.size(); ++i) {
    const Algorithm& algorithm = subject.policies[i].algorithm;
    if (units[i] == 0) continue;
    const auto mark = marks.empty() ? std::nullopt : std::optional(marks[i]);
    if (IsTat(algorithm)) {
      ChangeTat(*tables_, subject, i, at, [&](const auto& a, const Reading& r) {
        std::optional<Nanos> undrained;
        if (mark) undrained = Undrained(*mark, now, a.rule(), r);
        return a.GivenBack(r, units[i], undrained);
      });
    } else {
      ChangeWide(*tables_, subject, i, at,
                 [&](WideState& state) { CreditWide(algorithm, state, units[i], mark, at); });
    }
  }
}

bool MemoryStore::Abort(const Subject& subject, std::span<const std::int64_t> units,
                        std::span<const std::int64_t> marks, Nanos now) {
  const Quiescence::Guard guard;
  const Moment at = At(now);
  bool given_back = true;
  for (std::size_t i = 0; i < subject.policies.size(); ++i) {
    const Algorithm& algorithm = subject.policies[i].algorithm;
    if (units[i] == 0) continue;
    if (IsTat(algorithm)) {
      bool has_followers = false;
      ChangeTat(*tables_, subject, i, at, [&](const auto& a, const Reading& r) {
        const Nanos undrained = Undrained(marks[i], now, a.rule(), r);
        has_followers = a.HasFollowers(r, undrained);
        return a.Aborted(r, units[i], undrained);
      });
      given_back = given_back && !has_followers;
    } else {
      ChangeWide(*tables_, subject, i, at,
                 [&](WideState& state) { CreditWide(algorithm, state, units[i], marks[i], at); });
    }
  }
  return given_back;
}

bool MemoryStore::Holds(const Subject& subject, HolderId holder, Nanos now) const {
  const Quiescence::Guard guard;
  const Moment at = At(now);
  return ChangeSlots(*tables_, subject, at, [&](const Algorithm& algorithm, WideState& state) {
    return HoldsSlot(algorithm, state, holder, at.wall);
  });
}

bool MemoryStore::Release(const Subject& subject, HolderId holder, Nanos now) {
  const Quiescence::Guard guard;
  const Moment at = At(now);
  return ChangeSlots(*tables_, subject, at, [&](const Algorithm& algorithm, WideState& state) {
    return ReleaseSlot(algorithm, state, holder, at.wall);
  });
}

bool MemoryStore::Renew(const Subject& subject, HolderId holder, Nanos now) {
  const Quiescence::Guard guard;
  const Moment at = At(now);
  return ChangeSlots(*tables_, subject, at, [&](const Algorithm& algorithm, WideState& state) {
    return RenewSlot(algorithm, state, holder, at.wall);
  });
}

void MemoryStore::Block(const Subject& subject, Nanos span, Nanos now) {
  const Quiescence::Guard guard;
  for (const EntryHash entry : subject.entries) tables_->Block(entry, span, true, At(now));
}

void MemoryStore::Unblock(const Subject& subject) {
  const Quiescence::Guard guard;
  for (const EntryHash entry : subject.entries) tables_->EraseTat(tables_->BlockOf(entry));
}

void MemoryStore::Reset(const Subject& subject) {
  const Quiescence::Guard guard;
  for (std::size_t i = 0; i < subject.policies.size(); ++i) {
    const EntryHash entry = subject.entries[i];
    tables_->EraseTat(tables_->BlockOf(entry));
    if (IsTat(subject.policies[i].algorithm)) {
      tables_->EraseTat(entry);
      continue;
    }
    WideTable::Lock lock(tables_->wides, {&entry, 1});
    if (WideSlot* slot = lock.Find(entry)) lock.Erase(*slot);
  }
}

}  // namespace sluice
