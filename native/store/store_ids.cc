// Checks that carry an id.
#include <string>
#include <string_view>

#include "core/replay.h"
#include "store/idempotency_table.h"
#include "store/memory_store.h"
#include "store_changes.h"
#include "store_check.h"
#include "target.h"

namespace sluice {
namespace {

void Append(std::uint64_t number, std::string& out) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Numbers first, equally many for all ids of a limiter, so that distinct ids give distinct texts.
IdempotencyTable::IdHash IdHashOf(const MemoryStore& store, const Target& target,
                                  std::string_view id) {
  std::string text;
  Append(target.bound().id_scope().bits, text);
  for (const KeyHash key : target.keys()) Append(key.bits, text);
  return store.Hash(text.append(id)).bits;
}

std::uint64_t FingerprintOf(const MemoryStore& store, const Target& target,
                            const CheckRequest& request) {
  std::string text;
  Append(target.bound().plan().bits, text);
  for (std::size_t i = 0; i < target.size(); ++i) {
    Append(target.bound().scopes()[i].bits, text);
    Append(static_cast<std::uint64_t>(request.asks[i].cost), text);
    Append(static_cast<std::uint64_t>(request.asks[i].limit), text);
  }
  return store.Hash(text).bits;
}

// The policies that gave a slot which is no longer held.
PolicyBits SlotsGone(StoreTables& tables, const Target& target,
                     const IdempotencyTable::Entry& entry, const Moment& now) {
  PolicyBits gone = 0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if ((entry.charged >> i & 1) == 0) continue;
    if (!HoldsSlots(target.algorithm(i))) continue;
    if (!HoldsSlotOf(tables, target, i, entry.holder, now)) gone |= PolicyBits{1} << i;
  }
  return gone;
}

// Admits what was charged before, and charges only the slots that are gone.
void Replay(StoreTables& tables, const Target& target, CheckRequest request,
            const IdempotencyTable::Entry& entry, const Moment& now, Result& result) {
  const PolicyBits gone = SlotsGone(tables, target, entry, now);
  DropReplayedCosts(gone, std::span(request.asks).first(target.size()));
  request.holder = entry.holder;
  CheckStates(tables, target, request, now, result);
  ReplayDecisions(entry.original, now.now - entry.at, gone, result.Decisions());
  result.replayed = true;
  result.slots_again = gone != 0;
  result.holder = entry.holder;
  result.Bind();
}

}  // namespace

void MemoryStore::CheckOnce(const Target& target, const Operation& operation, const Moment& now,
                            Result& result) {
  const CheckRequest request(target, operation);
  // A check that can never be admitted was not charged under any id.
  if (ExceedsCapacity(target.policies(), std::span(request.asks).first(target.size()))) {
    return CheckStates(*tables_, target, request, now, result);
  }
  const std::uint64_t fingerprint = FingerprintOf(*this, target, request);
  IdempotencyTable::Access access(*ids_, IdHashOf(*this, target, operation.options->id), now.now);
  if (const IdempotencyTable::Entry* const known = access.known()) {
    if (known->fingerprint == fingerprint)
      return Replay(*tables_, target, request, *known, now, result);
    result.id_reused = true;
    return;
  }
  CheckStates(*tables_, target, request, now, result);
  if (!result.allowed) return;
  IdempotencyTable::Entry entry{
      .fingerprint = fingerprint, .at = now.now, .holder = request.holder, .original = {}};
  for (std::size_t i = 0; i < target.size(); ++i) {
    const Decision& decision = result.decisions[i];
    if (decision.allowed && request.asks[i].cost > 0) entry.charged |= PolicyBits{1} << i;
    entry.original.push_back(
        {.allowed = decision.allowed, .delay = decision.delay, .mark = decision.mark});
  }
  // A check that charged nothing may be repeated freely.
  if (entry.charged != 0) access.Keep(std::move(entry));
}

void MemoryStore::ForgetId(const Target& target, std::string_view id, Nanos now) {
  IdempotencyTable::Access(*ids_, IdHashOf(*this, target, id), now).Forget();
}

}  // namespace sluice
