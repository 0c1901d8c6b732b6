// Checks over the table of TATs: all policies admit, or none is charged.
#include "store/memory_store.h"

#include <sodium.h>

#include <algorithm>

#include "quiescence.h"
#include "tat_table.h"

namespace sluice {
namespace {

using Cells = std::array<TatTable::Cell, kMaxPolicies>;
using Backlogs = std::array<Nanos, kMaxPolicies>;

std::uint64_t EntryHash(KeyHash key, KeyHash scope) { return key.bits ^ scope.bits; }

// Takes back a charge that produced the TAT `produced`, when `removals` entries had been removed
// before it. Where one has been since, what stands under the key may be somebody else's charge:
// then nothing is taken back unless it still reaches that far.
void Undo(TatTable& table, std::uint64_t hash, const TatRule& rule, Nanos produced,
          std::int64_t cost, Nanos now, std::uint64_t removals) {
  for (;;) {
    const TatTable::Cell cell = table.Find(hash, now);
    if (cell.tat() < produced && table.removals() != removals) return;
    const Nanos tat = GiveBackTat(rule, cell.tat(), produced, cost, now);
    const bool done = tat > now ? table.Set(cell, hash, tat, rule, now) : table.Erase(cell);
    if (done) return;
  }
}

}  // namespace

MemoryStore::MemoryStore(const Options& options)
    : options_(options), table_(std::make_unique<TatTable>(options.max_keys)) {}

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

bool MemoryStore::Check(KeyHash key, std::span<const Policy> policies,
                        std::span<const KeyHash> scopes, std::span<const std::int64_t> costs,
                        Nanos now, std::span<Decision> decisions) {
  const Quiescence::Guard guard;
  const std::size_t count = policies.size();
  Cells cells;
  Backlogs backlogs;
  for (;;) {
    for (std::size_t i = 0; i < count; ++i) {
      cells[i] = table_->Find(EntryHash(key, scopes[i]), now);
      backlogs[i] = Backlog(cells[i].tat(), now);
    }
    if (!DecideTats(policies, costs, std::span(backlogs).first(count), decisions)) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!decisions[i].allowed && decisions[i].retry_after != kNever) {
          table_->MarkDenied(cells[i]);
        }
      }
      return false;
    }
    const std::uint64_t removals = table_->removals();
    std::size_t charged = 0;
    for (; charged < count; ++charged) {
      if (costs[charged] == 0) continue;
      if (!table_->Set(cells[charged], EntryHash(key, scopes[charged]),
                       now + decisions[charged].reset_after, RuleOf(policies[charged].algorithm),
                       now)) {
        break;
      }
    }
    if (charged == count) return true;
    while (charged-- > 0) {
      if (costs[charged] == 0) continue;
      Undo(*table_, EntryHash(key, scopes[charged]), RuleOf(policies[charged].algorithm),
           now + decisions[charged].reset_after, costs[charged], now, removals);
    }
  }
}

bool MemoryStore::Peek(KeyHash key, std::span<const Policy> policies,
                       std::span<const KeyHash> scopes, std::span<const std::int64_t> costs,
                       Nanos now, std::span<Decision> decisions) const {
  const Quiescence::Guard guard;
  Backlogs backlogs;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    backlogs[i] = Backlog(table_->Peek(EntryHash(key, scopes[i])).tat(), now);
  }
  return DecideTats(policies, costs, std::span(backlogs).first(policies.size()), decisions);
}

void MemoryStore::Reset(KeyHash key, std::span<const KeyHash> scopes) {
  const Quiescence::Guard guard;
  for (const KeyHash& scope : scopes) {
    // Nothing has expired at 0, so looking drops nothing.
    while (!table_->Erase(table_->Find(EntryHash(key, scope), Nanos{0}))) {
    }
  }
}

MemoryStore::Stats MemoryStore::stats() const {
  return {.keys = table_->entries(), .capacity = table_->capacity(), .evicted = table_->evicted()};
}

}  // namespace sluice
