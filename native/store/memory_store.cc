// Hashing, and the checks that nearly all callers ask for: one key, policies of one TAT each.
#include "store/memory_store.h"

#include <sodium.h>

#include <algorithm>

#include "quiescence.h"
#include "store/id_table.h"
#include "store_check.h"
#include "store_tables.h"
#include "wall_steps.h"

namespace sluice {
namespace {

using Cells = std::array<TatTable::Cell, kMaxPolicies>;
using Backlogs = std::array<Nanos, kMaxPolicies>;

// Secret, as whoever could tell a block's hash from its key's could make keys meet blocks. Hashed
// twice for the same reason as a limiter's scopes are.
std::uint64_t SaltOf(const MemoryStore& store) {
  const KeyHash once = store.Hash("block");
  return store.Hash({reinterpret_cast<const char*>(&once.bits), sizeof once.bits}).bits;
}

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
      tables_(std::make_unique<StoreTables>(options.max_keys, SaltOf(*this), options.clock)),
      ids_(std::make_unique<IdTable>()),
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

Moment MemoryStore::At(Nanos now) const {
  // Rounded apart, so that `wall` is as far from it at all times.
  const auto offset = std::chrono::floor<Micros>(options_.wall_offset);
  return {.now = now, .wall = ToMicros(now) + offset, .steps = wall_steps_->Sum(now)};
}

bool MemoryStore::IsBlocked(EntryHash entry, Nanos now) const {
  const Quiescence::Guard guard;
  return tables_->tats.Peek(tables_->BlockOf(entry).bits).tat() > now;
}

bool MemoryStore::CheckBlocked(KeyHash key, std::span<const Policy> policies,
                               std::span<const KeyHash> scopes, std::span<const std::int64_t> costs,
                               Nanos now, std::span<Decision> decisions) {
  const std::size_t count = policies.size();
  std::array<EntryHash, kMaxPolicies> entries;
  std::array<Ask, kMaxPolicies> asks;
  for (std::size_t i = 0; i < count; ++i) {
    entries[i] = EntryOf(key, scopes[i]);
    asks[i] = {.cost = costs[i], .limit = kOwnLimit};
  }
  return Check({.policies = policies, .entries = std::span(entries).first(count)},
               {.asks = std::span(asks).first(count)}, now, decisions);
}

bool MemoryStore::Check(KeyHash key, std::span<const Policy> policies,
                        std::span<const KeyHash> scopes, std::span<const std::int64_t> costs,
                        Nanos now, std::span<Decision> decisions) {
  const std::size_t count = policies.size();
  for (const KeyHash scope : scopes) {
    const EntryHash entry = EntryOf(key, scope);
    if (!tables_->MayBeBlocked(entry, now) || !IsBlocked(entry, now)) continue;
    return CheckBlocked(key, policies, scopes, costs, now, decisions);
  }
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
      return false;
    }
    const std::uint64_t removals = table.removals();
    std::size_t charged = 0;
    for (; charged < count; ++charged) {
      if (costs[charged] == 0) continue;
      const EntryHash entry = EntryOf(key, scopes[charged]);
      const bool may_enter = backlogs[charged] == Nanos{0};
      if (may_enter && !cells[charged].held() && !tables_->HasRoomFor(1)) {
        tables_->MakeRoom(1, entry, {}, At(now));
      }
      if (!table.Set(cells[charged], entry.bits, now + decisions[charged].reset_after,
                     RuleOf(policies[charged].algorithm), now)) {
        break;
      }
    }
    if (charged == count) return true;
    while (charged-- > 0) {
      if (costs[charged] == 0) continue;
      const Nanos after = decisions[charged].reset_after;
      UndoCharge(table, EntryOf(key, scopes[charged]), RuleOf(policies[charged].algorithm),
                 {.produced = now + after, .amount = after - backlogs[charged]},
                 tables_->Later(now), removals);
    }
  }
}

bool MemoryStore::Check(const Subject& subject, const Question& question, Nanos now,
                        std::span<Decision> decisions) {
  const Quiescence::Guard guard;
  return StoreCheck(*tables_, subject, question, At(now)).Run(decisions);
}

bool MemoryStore::Peek(const Subject& subject, const Question& question, Nanos now,
                       std::span<Decision> decisions) const {
  const Quiescence::Guard guard;
  return StoreCheck(*tables_, subject, question, At(now)).Peek(decisions);
}

MemoryStore::Stats MemoryStore::stats() const {
  return {.keys = tables_->keys(),
          .capacity = tables_->tats.capacity() + tables_->wides.capacity(),
          .evicted = tables_->tats.evicted() + tables_->wides.evicted()};
}

}  // namespace sluice
