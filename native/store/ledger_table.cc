// Locks, and the orders of expiry.
#include "ledger_table.h"

#include <algorithm>
#include <memory>

#include "core/replay.h"

namespace sluice {

LedgerTable::LedgerTable(Micros wall_offset) : wall_offset_(wall_offset) {
  for (auto& first : first_) first.store(kNone, std::memory_order_relaxed);
}

LedgerTable::~LedgerTable() { delete[] parts_.load(std::memory_order_relaxed); }

LedgerTable::Part* LedgerTable::Parts() {
  Part* parts = parts_.load(std::memory_order_acquire);
  if (parts != nullptr) return parts;
  auto made = std::make_unique<Part[]>(kParts);
  if (!parts_.compare_exchange_strong(parts, made.get(), std::memory_order_acq_rel)) return parts;
  return made.release();
}

LedgerTable::Lock::Lock(LedgerTable& table, std::span<const EntryHash> entries, Micros now)
    : table_(table), all_(table.Parts()), now_(now) {
  for (const EntryHash entry : entries) parts_[held_++] = LedgerTable::PartOf(entry);
  std::sort(parts_.begin(), parts_.begin() + held_);
  held_ = static_cast<std::size_t>(std::unique(parts_.begin(), parts_.begin() + held_) -
                                   parts_.begin());
  for (std::size_t i = 0; i < held_; ++i) all_[parts_[i]].mutex.lock();
}

LedgerTable::Lock::~Lock() {
  while (held_ > 0) all_[parts_[--held_]].mutex.unlock();
}

LedgerTable::Ledger* LedgerTable::Lock::LedgerOf(EntryHash entry) const {
  auto& ledgers = PartOf(entry).ledgers;
  const auto found = ledgers.find(entry.bits);
  return found == ledgers.end() ? nullptr : &found->second;
}

LedgerTable::Open* LedgerTable::Lock::Find(EntryHash entry, HolderId holder) const {
  Ledger* const ledger = LedgerOf(entry);
  if (ledger == nullptr) return nullptr;
  const auto found = ledger->open.find(holder);
  return found == ledger->open.end() ? nullptr : &found->second;
}

LedgerTable::Closed LedgerTable::Lock::FindClosed(EntryHash entry, HolderId holder) const {
  Part& part = PartOf(entry);
  DropClosed(part);
  const auto found = part.closed.find({entry.bits, holder});
  const bool is_known = found != part.closed.end() && IsKnownId(found->second.at, now_);
  return is_known ? found->second : Closed{};
}

std::size_t LedgerTable::Lock::CountOf(EntryHash entry) const {
  const Ledger* const ledger = LedgerOf(entry);
  return ledger == nullptr ? 0 : ledger->open.size();
}

std::optional<Micros> LedgerTable::Lock::FirstOf(EntryHash entry) const {
  const Ledger* const ledger = LedgerOf(entry);
  if (ledger == nullptr) return std::nullopt;
  return ledger->by_expiry.begin()->first;
}

void LedgerTable::Lock::Reorder(EntryHash entry, std::optional<Micros> first_before) {
  Part& part = PartOf(entry);
  if (first_before) part.first.erase({*first_before, entry.bits});
  if (const auto first = FirstOf(entry)) part.first.insert({*first, entry.bits});
  Nanos::rep due = kNone;
  if (!part.first.empty()) due = Nanos(part.first.begin()->first - table_.wall_offset_).count();
  table_.first_[LedgerTable::PartOf(entry)].store(due, std::memory_order_release);
}

void LedgerTable::Lock::Add(EntryHash entry, HolderId holder, const Open& open) {
  const auto before = FirstOf(entry);
  Ledger& ledger = PartOf(entry).ledgers[entry.bits];
  ledger.open.emplace(holder, open);
  ledger.by_expiry.emplace(open.hold.expires, holder);
  table_.size_.fetch_add(1, std::memory_order_relaxed);
  Reorder(entry, before);
}

void LedgerTable::Lock::Renew(EntryHash entry, HolderId holder, Micros expires) {
  const auto before = FirstOf(entry);
  Ledger& ledger = *LedgerOf(entry);
  Hold& hold = ledger.open.find(holder)->second.hold;
  ledger.by_expiry.erase({hold.expires, holder});
  hold.expires = expires;
  ledger.by_expiry.emplace(expires, holder);
  Reorder(entry, before);
}

void LedgerTable::Lock::Close(EntryHash entry, HolderId holder, const Closed& closed) {
  const auto before = FirstOf(entry);
  Part& part = PartOf(entry);
  Ledger& ledger = *LedgerOf(entry);
  const auto found = ledger.open.find(holder);
  ledger.by_expiry.erase({found->second.hold.expires, holder});
  ledger.open.erase(found);
  if (ledger.open.empty()) part.ledgers.erase(entry.bits);
  table_.size_.fetch_sub(1, std::memory_order_relaxed);
  Reorder(entry, before);
  DropClosed(part);
  const std::pair key{entry.bits, holder};
  part.closed.insert_or_assign(key, closed);
  part.closed_order.emplace_back(now_, key);
}

void LedgerTable::Lock::Forget(EntryHash entry) {
  const auto before = FirstOf(entry);
  Part& part = PartOf(entry);
  if (before) {
    table_.size_.fetch_sub(CountOf(entry), std::memory_order_relaxed);
    part.ledgers.erase(entry.bits);
    Reorder(entry, before);
  }
  const auto from = part.closed.lower_bound({entry.bits, HolderId{}});
  auto until = from;
  while (until != part.closed.end() && until->first.first == entry.bits) ++until;
  part.closed.erase(from, until);
}

std::optional<LedgerTable::Due> LedgerTable::Lock::NextDue(EntryHash entry, bool of_others) const {
  auto first = FirstOf(entry);
  if (!first || *first > now_) {
    const auto& all = PartOf(entry).first;
    if (!of_others || all.empty() || all.begin()->first > now_) return std::nullopt;
    entry.bits = all.begin()->second;
  }
  const Ledger& ledger = *LedgerOf(entry);
  const HolderId holder = ledger.by_expiry.begin()->second;
  return Due{.entry = entry, .open = ledger.open.find(holder)->second, .holder = holder};
}

// Drops those that have been remembered for long enough, and the oldest if there are too many.
void LedgerTable::Lock::DropClosed(Part& part) const {
  while (!part.closed_order.empty()) {
    const auto& [at, key] = part.closed_order.front();
    if (IsKnownId(at, now_) && part.closed.size() < kMostClosed / kParts) return;
    part.closed.erase(key);
    part.closed_order.pop_front();
  }
}

}  // namespace sluice
