// Hashing, the one entrance, and the checks of one key under policies of one TAT each.
#include "store/memory_store.h"

#include <sodium.h>

#include <algorithm>

#include "quiescence.h"
#include "store/idempotency_table.h"
#include "store_changes.h"
#include "store_check.h"
#include "store_reservations.h"
#include "store_tables.h"
#include "target.h"
#include "wall_steps.h"

namespace sluice {
namespace {

using Cells = std::array<TatTable::Cell, kMaxPolicies>;
using Backlogs = std::array<Nanos, kMaxPolicies>;

}  // namespace

MemoryStore::Options MemoryStore::OnMachineClocks(std::size_t max_keys, const Seed& seed) {
  const BootClock& clock = BootClock::Instance();
  const WallClock& wall = WallClock::Instance();
  return {.max_keys = max_keys,
          .seed = seed,
          .wall_offset = std::chrono::floor<Micros>(wall.Now() - clock.Now()),
          .clock = &clock,
          .wall = &wall};
}

MemoryStore::MemoryStore(const Options& options)
    : options_(options),
      // Salted, so that keys cannot be chosen to collide with blocks.
      tables_(std::make_unique<StoreTables>(options.max_keys, HashName("block").bits, options.clock,
                                            std::chrono::floor<Micros>(options.wall_offset))),
      ids_(std::make_unique<IdempotencyTable>()),
      wall_steps_(std::make_unique<WallSteps>(options.wall_offset, options.clock, options.wall)) {}

MemoryStore::~MemoryStore() = default;

KeyHash MemoryStore::Hash(std::string_view bytes) const {
  static_assert(sizeof(Seed) == crypto_shorthash_KEYBYTES);
  static_assert(sizeof(KeyHash) == crypto_shorthash_BYTES);
  KeyHash hash;
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash.bits),
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                   options_.seed.data());
  return hash;
}

KeyHash MemoryStore::HashName(std::string_view name) const {
  // Twice: the hash of the name alone is also that of a key.
  const KeyHash once = Hash(name);
  return Hash({reinterpret_cast<const char*>(&once.bits), sizeof once.bits});
}

Moment MemoryStore::At(Nanos now) const {
  // Rounded apart, so that `wall` is as far from it at all times.
  const auto offset = std::chrono::floor<Micros>(options_.wall_offset);
  return {.now = now, .wall = ToMicros(now) + offset, .steps = wall_steps_->Sum(now)};
}

void MemoryStore::Execute(const BoundPolicies& policies, Keys keys, const Operation& operation,
                          Nanos now, Result& result) {
  const bool is_plain = operation.kind == Operation::Kind::kCheck && policies.plain() &&
                        keys.size() == 1 && !operation.options;
  if (is_plain && !IsUnusual(policies, keys[0], now)) {
    if (policies.size() == 1) return CheckOne(policies, keys[0], operation.costs[0], now, result);
    CheckPlain(policies, keys[0], operation.costs, now, result);
  } else {
    ExecuteAny(policies, keys, operation, now, result);
  }
}

void MemoryStore::ExecuteAny(const BoundPolicies& policies, Keys keys, const Operation& operation,
                             Nanos now, Result& result) {
  const Quiescence::Guard guard;
  const Target target(policies, keys);
  const Moment at = At(now);
  result.Open(0);
  SettleExpired(*tables_, target, at);
  switch (operation.kind) {
    case Operation::Kind::kCheck:
      if (operation.has_id()) return CheckOnce(target, operation, at, result);
      return CheckStates(*tables_, target, CheckRequest(target, operation), at, result);
    case Operation::Kind::kPeek:
      return PeekStates(*tables_, target, CheckRequest(target, operation), at, result);
    case Operation::Kind::kReset:
      ForgetReservations(*tables_, target, at);
      return ResetStates(*tables_, target);
    case Operation::Kind::kDebit:
      return DebitStates(*tables_, target, operation.costs, at);
    case Operation::Kind::kCredit:
      return CreditStates(*tables_, target, operation, at);
    case Operation::Kind::kAbort:
      if (operation.has_id()) ForgetId(target, operation.options->id, now);
      result.done = AbortStates(*tables_, target, operation, at);
      return;
    case Operation::Kind::kRelease:
      result.done = ReleaseSlots(*tables_, target, operation.holder(), at);
      return;
    case Operation::Kind::kRenew:
      result.done = RenewSlots(*tables_, target, operation.holder(), at);
      return;
    case Operation::Kind::kBlock:
      return BlockStates(*tables_, target, *operation.options, at);
    case Operation::Kind::kUnblock:
      return UnblockStates(*tables_, target, operation.which());
    case Operation::Kind::kReserve:
      return Reserve(*tables_, target, operation, at, result);
    case Operation::Kind::kExtend:
      return Extend(*tables_, target, operation, at, result);
    case Operation::Kind::kCheckpoint:
      return Checkpoint(*tables_, target, operation, at, result);
    case Operation::Kind::kSettle:
    case Operation::Kind::kCancel:
      return Settle(*tables_, target, operation, at, result);
  }
}

bool MemoryStore::IsUnusual(const BoundPolicies& policies, KeyHash key, Nanos now) const {
  for (const KeyHash scope : policies.scopes()) {
    const EntryHash entry = EntryOf(key, scope);
    if (tables_->ledgers.HasDue(entry, now)) return true;
    if (!tables_->MayBeBlocked(entry, now)) continue;
    const Quiescence::Guard guard;
    if (tables_->tats.Peek(tables_->BlockOf(entry).bits).tat() > now) return true;
  }
  return false;
}

void MemoryStore::MakeRoom(EntryHash entry, Nanos now) {
  if (!tables_->HasRoomFor(1)) tables_->MakeRoom(1, entry, {}, At(now));
}

void MemoryStore::CheckOne(const BoundPolicies& bound, KeyHash key, std::int64_t cost, Nanos now,
                           Result& result) {
  const Policy& policy = bound.policies()[0];
  const EntryHash entry = EntryOf(key, bound.scopes()[0]);
  result.Open(1);
  Decision& decision = result.decisions[0];
  const Quiescence::Guard guard;
  TatTable& table = tables_->tats;
  Nanos backlog{0};
  for (bool done = false; !done;) {
    const TatTable::Cell cell = table.Find(entry.bits, now);
    backlog = Backlog(cell.tat(), now);
    decision = DecideTat(policy, cost, backlog, now);
    if (decision.allowed && cost > 0) {
      if (backlog == Nanos{0} && !cell.held()) MakeRoom(entry, now);
      done = table.Set(cell, entry.bits, now + decision.reset_after, RuleOf(policy.algorithm), now);
    } else {
      if (!decision.allowed && decision.retry_after != kNever) table.MarkDenied(cell);
      done = true;
    }
  }
  result.allowed = decision.allowed;
  if (result.snapshots == nullptr) return;
  result.snapshots->before[0] = {.numbers = {backlog.count()}, .blocked = {}};
  result.snapshots->after[0] = {.numbers = {decision.reset_after.count()}, .blocked = {}};
}

void MemoryStore::CheckPlain(const BoundPolicies& bound, KeyHash key, const Costs& all_costs,
                             Nanos now, Result& result) {
  const std::size_t count = bound.size();
  const std::vector<Policy>& policies = bound.policies();
  const std::vector<KeyHash>& scopes = bound.scopes();
  const auto each_cost = all_costs.Spread(count);
  const std::span costs = std::span(each_cost).first(count);
  result.Open(count);
  const std::span<Decision> decisions = result.Decisions();
  const Quiescence::Guard guard;
  TatTable& table = tables_->tats;
  Cells cells;
  Backlogs backlogs;
  for (;;) {
    for (std::size_t i = 0; i < count; ++i) {
      cells[i] = table.Find(EntryOf(key, scopes[i]).bits, now);
      backlogs[i] = Backlog(cells[i].tat(), now);
    }
    if (!DecideTats(policies, costs, std::span(backlogs).first(count), now, decisions)) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!decisions[i].allowed && decisions[i].retry_after != kNever) table.MarkDenied(cells[i]);
      }
      break;
    }
    const std::uint64_t removals = table.removals();
    std::size_t charged = 0;
    for (; charged < count; ++charged) {
      if (costs[charged] == 0) continue;
      const EntryHash entry = EntryOf(key, scopes[charged]);
      if (backlogs[charged] == Nanos{0} && !cells[charged].held()) MakeRoom(entry, now);
      if (!table.Set(cells[charged], entry.bits, now + decisions[charged].reset_after,
                     RuleOf(policies[charged].algorithm), now)) {
        break;
      }
    }
    if (charged == count) {
      result.allowed = true;
      break;
    }
    while (charged-- > 0) {
      if (costs[charged] == 0) continue;
      const Nanos after = decisions[charged].reset_after;
      UndoCharge(table, EntryOf(key, scopes[charged]), RuleOf(policies[charged].algorithm),
                 {.produced = now + after, .amount = after - backlogs[charged]},
                 tables_->Later(now), removals);
    }
  }
  result.Bind();
  if (result.snapshots == nullptr) return;
  for (std::size_t i = 0; i < count; ++i) {
    result.snapshots->before[i] = {.numbers = {backlogs[i].count()}, .blocked = {}};
    result.snapshots->after[i] = {.numbers = {decisions[i].reset_after.count()}, .blocked = {}};
  }
}

MemoryStore::Stats MemoryStore::stats() const {
  return {.keys = tables_->keys(),
          .capacity = tables_->tats.capacity() + tables_->records.capacity(),
          .evicted = tables_->tats.evicted() + tables_->records.evicted()};
}

}  // namespace sluice
