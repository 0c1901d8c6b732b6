// Checks that carry an id.
#include <variant>

#include "limiter/memory_limiter.h"
#include "memory_subject.h"

namespace sluice {
namespace {

void Append(std::uint64_t number, std::string& out) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

// Numbers first, of which there are as many in all names of a limiter's; so distinct names come
// from distinct texts.
IdTable::Name MemoryLimiter::NameOf(Keys keys, std::string_view id) const {
  std::string text;
  Append(id_scope_.bits, text);
  for (const KeyHash key : keys) Append(key.bits, text);
  return store_->Hash(text.append(id)).bits;
}

std::uint64_t MemoryLimiter::PrintOf(std::span<const Ask> asks) const {
  std::string text;
  Append(plan_.bits, text);
  for (std::size_t i = 0; i < asks.size(); ++i) {
    Append(scopes_[i].bits, text);
    Append(static_cast<std::uint64_t>(asks[i].cost), text);
    Append(static_cast<std::uint64_t>(asks[i].limit), text);
  }
  return store_->Hash(text).bits;
}

bool MemoryLimiter::CheckOnce(Keys keys, const MemoryStore::Question& question, std::string_view id,
                              Nanos now, Verdict& verdict) const {
  // What can never be admitted was not charged under any id.
  if (IsHopeless(policies_, question.asks)) {
    Check(keys, question, now, verdict);
    return true;
  }
  const std::uint64_t print = PrintOf(question.asks);
  IdTable::Access access(store_->ids(), NameOf(keys, id), now);
  if (const IdTable::Entry* const known = access.known()) {
    if (known->print != print) return false;
    Repeat(keys, question, *known, now, verdict);
    return true;
  }
  Check(keys, question, now, verdict);
  if (!verdict.allowed) return true;
  IdTable::Entry entry{.print = print, .at = now, .holder = question.holder, .given = {}};
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Decision& decision = verdict.decisions[i];
    if (decision.allowed && question.asks[i].cost > 0) entry.charged |= PolicyBits{1} << i;
    entry.given.push_back(
        {.allowed = decision.allowed, .delay = decision.delay, .mark = decision.mark});
  }
  // Where nothing was charged there is nothing to repeat.
  if (entry.charged != 0) access.Keep(std::move(entry));
  return true;
}

void MemoryLimiter::ForgetId(Keys keys, std::string_view id, Nanos now) const {
  IdTable::Access(store_->ids(), NameOf(keys, id), now).Forget();
}

// The policies that gave a slot which is no longer held.
PolicyBits MemoryLimiter::SlotsGone(Keys keys, const IdTable::Entry& entry, Nanos now) const {
  const Subject subject(*this, keys);
  PolicyBits gone = 0;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if ((entry.charged >> i & 1) == 0) continue;
    if (!std::holds_alternative<Concurrency>(policies_[i].algorithm)) continue;
    if (!store_->Holds(subject.Only(i), entry.holder, now)) gone |= PolicyBits{1} << i;
  }
  return gone;
}

void MemoryLimiter::Repeat(Keys keys, const MemoryStore::Question& question,
                           const IdTable::Entry& entry, Nanos now, Verdict& verdict) const {
  const PolicyBits gone = SlotsGone(keys, entry, now);
  std::array<Ask, kMaxPolicies> asks;
  const std::span reduced = std::span(asks).first(policies_.size());
  std::ranges::copy(question.asks, reduced.begin());
  ReduceAsks(gone, reduced);
  Check(keys, {.asks = reduced, .max_wait = question.max_wait, .holder = entry.holder}, now,
        verdict);
  TellAgain(entry.given, now - entry.at, gone, verdict.Decisions());
  verdict.repeated = true;
  verdict.slots_again = gone != 0;
  verdict.holder = entry.holder;
  verdict.Bind();
}

}  // namespace sluice
