// Plain states: vessels, lists of charges, lists of holders.
#include "support/reference_states.h"

#include <algorithm>

namespace sluice::testing {
namespace {

std::int64_t UsOf(Nanos now) { return now.count() / 1000; }

constexpr std::int64_t kDayUs = std::int64_t{24} * 60 * 60 * 1'000'000;

__extension__ using Int128 = __int128;

Int128 RoundedUp(Int128 a, Int128 b) { return a / b + (a % b > 0 ? 1 : 0); }

// The calendar, month by month since 1970: where the month of `us` starts and where it ends.
std::pair<std::int64_t, std::int64_t> MonthOf(std::int64_t us) {
  std::int64_t start = 0;
  for (int year = 1970;; ++year) {
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    for (const int days : {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}) {
      const std::int64_t end = start + days * kDayUs;
      if (us < end) return {start, end};
      start = end;
    }
  }
}

}  // namespace

ReferenceVessel::Level128 ReferenceVessel::Level(Nanos now) const {
  return std::max<Level128>(0, level_ - (now - at_).count());
}

void ReferenceVessel::Set(Level128 level, Nanos now) {
  level_ = level;
  at_ = now;
}

bool ReferenceVessel::Admits(std::int64_t cost, std::int64_t limit, Nanos max_wait,
                             Nanos now) const {
  const Level128 after = Level(now) + static_cast<Level128>(cost) * unit_;
  const Level128 brim = static_cast<Level128>(limit) * unit_;
  if (max_wait == kNoWait) return after <= brim;
  if (shapes_) return after <= brim && Level(now) <= max_wait.count();
  return after <= std::min<Level128>(brim + max_wait.count(), kLongestSpan.count());
}

Nanos ReferenceVessel::Delay(std::int64_t cost, std::int64_t limit, Nanos now) const {
  if (shapes_) return Nanos{static_cast<std::int64_t>(Level(now))};
  if (cost == 0) return Nanos{0};
  const Level128 over = Level(now) + static_cast<Level128>(cost - limit) * unit_;
  return Nanos{static_cast<std::int64_t>(std::max<Level128>(0, over))};
}

void ReferenceVessel::Take(std::int64_t cost, HolderId /*holder*/, Nanos now) {
  Set(Level(now) + static_cast<Level128>(cost) * unit_, now);
}

void ReferenceVessel::TakeDenied(std::int64_t cost, std::int64_t limit, HolderId /*holder*/,
                                 Nanos now) {
  const Level128 brim = static_cast<Level128>(limit) * unit_;
  const Level128 level = Level(now);
  Set(std::max(level, std::min(brim, level + static_cast<Level128>(cost) * unit_)), now);
}

void ReferenceVessel::Debit(std::int64_t units, std::int64_t /*limit*/, Nanos now) {
  const Level128 level = Level(now);
  const Level128 most = kLongestSpan.count();
  Set(std::max(level, std::min(most, level + static_cast<Level128>(units) * unit_)), now);
}

void ReferenceVessel::GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now) {
  Level128 most = Level(now);
  // The part of the charge that has not drained yet.
  if (mark) most = std::min<Level128>(most, std::max<std::int64_t>(0, *mark - now.count()));
  Set(Level(now) - std::min(most, static_cast<Level128>(units) * unit_), now);
}

bool ReferenceVessel::Abort(std::int64_t units, std::int64_t limit, std::int64_t mark, Nanos now) {
  const bool somebody_waits =
      shapes_ ? Level(now) > 0 : Level(now) > static_cast<Level128>(limit) * unit_;
  if (somebody_waits && mark != Mark(now)) return mark > Mark(now) || mark <= now.count();
  GiveBack(units, mark, now);
  return true;
}

std::int64_t ReferenceVessel::Mark(Nanos now) const {
  return now.count() + static_cast<std::int64_t>(Level(now));
}

std::int64_t ReferenceFixedWindow::Count() const {
  std::int64_t sum = 0;
  for (const std::int64_t units : charges_) sum += units;
  return sum;
}

std::pair<std::int64_t, std::int64_t> ReferenceFixedWindow::WindowAt(Nanos now) const {
  const bool known = Count() > 0;
  const std::int64_t us = known ? std::max(UsOf(now), start_) : UsOf(now);
  switch (align_) {
    case FixedWindow::Align::kMonth:
      return MonthOf(us);
    case FixedWindow::Align::kClock:
      return {us / window_ * window_, us / window_ * window_ + window_};
    case FixedWindow::Align::kFirstRequest:
      break;
  }
  const std::int64_t start = known && us < start_ + window_ ? start_ : us;
  return {start, start + window_};
}

std::int64_t ReferenceFixedWindow::CountAt(Nanos now) const {
  return WindowAt(now).first == start_ ? Count() : 0;
}

bool ReferenceFixedWindow::Admits(std::int64_t cost, std::int64_t limit, Nanos /*max_wait*/,
                                  Nanos now) const {
  return CountAt(now) + cost <= limit;
}

void ReferenceFixedWindow::Take(std::int64_t cost, HolderId /*holder*/, Nanos now) {
  const std::int64_t start = WindowAt(now).first;
  if (start != start_) charges_.clear();
  start_ = start;
  charges_.push_back(cost);
}

void ReferenceFixedWindow::TakeDenied(std::int64_t cost, std::int64_t /*limit*/, HolderId holder,
                                      Nanos now) {
  Take(cost, holder, now);
}

void ReferenceFixedWindow::Debit(std::int64_t units, std::int64_t /*limit*/, Nanos now) {
  Take(units, {}, now);
}

void ReferenceFixedWindow::GiveBack(std::int64_t units, std::optional<std::int64_t> mark,
                                    Nanos now) {
  const std::int64_t start = WindowAt(now).first;
  if (start != start_ || (mark && *mark != start)) return;
  for (std::int64_t& charge : charges_) {
    const std::int64_t taken = std::min(charge, units);
    charge -= taken;
    units -= taken;
  }
}

std::int64_t ReferenceSlidingWindow::IndexAt(Nanos now) const {
  const std::int64_t index = UsOf(now) / window_;
  return counts_.empty() ? index : std::max(index, newest_);
}

std::int64_t ReferenceSlidingWindow::CountOf(std::int64_t index) const {
  const auto found = counts_.find(index);
  return found == counts_.end() ? 0 : found->second;
}

bool ReferenceSlidingWindow::Admits(std::int64_t cost, std::int64_t limit, Nanos /*max_wait*/,
                                    Nanos now) const {
  const std::int64_t index = IndexAt(now);
  const std::int64_t into = std::max<std::int64_t>(0, UsOf(now) - index * window_);
  const Int128 weight = RoundedUp(Int128{window_ - into} * 1024, window_);
  const Int128 share = RoundedUp(CountOf(index - 1) * weight, 1024);
  return share + CountOf(index) + cost <= limit;
}

bool ReferenceSlidingWindow::IsNew(Nanos now) const {
  return CountOf(IndexAt(now)) == 0 && CountOf(IndexAt(now) - 1) == 0;
}

void ReferenceSlidingWindow::Take(std::int64_t cost, HolderId /*holder*/, Nanos now) {
  newest_ = IndexAt(now);
  counts_[newest_] += cost;
  std::erase_if(counts_, [&](const auto& count) { return count.first < newest_ - 1; });
}

void ReferenceSlidingWindow::TakeDenied(std::int64_t cost, std::int64_t /*limit*/, HolderId holder,
                                        Nanos now) {
  Take(cost, holder, now);
}

void ReferenceSlidingWindow::Debit(std::int64_t units, std::int64_t /*limit*/, Nanos now) {
  Take(units, {}, now);
}

void ReferenceSlidingWindow::GiveBack(std::int64_t units, std::optional<std::int64_t> mark,
                                      Nanos now) {
  const std::int64_t newest = IndexAt(now);
  for (const std::int64_t index : {newest, newest - 1}) {
    const auto found = counts_.find(index);
    if (found == counts_.end() || (mark && *mark != index * window_)) continue;
    const std::int64_t taken = std::min(found->second, units);
    found->second -= taken;
    units -= taken;
    if (taken > 0) newest_ = newest;
    if (found->second == 0) counts_.erase(found);
  }
}

std::int64_t ReferenceLog::Latest(Nanos now) const {
  std::int64_t latest = UsOf(now);
  for (const Charge& charge : charges_) latest = std::max(latest, charge.at);
  return latest;
}

bool ReferenceLog::Counts(const Charge& charge, Nanos now) const {
  return charge.at > Latest(now) - window_;
}

std::int64_t ReferenceLog::Sum(Nanos now) const {
  std::int64_t sum = 0;
  const std::int64_t edge = Latest(now) - window_;
  for (const Charge& charge : charges_) sum += charge.at > edge ? charge.units : 0;
  return sum;
}

bool ReferenceLog::Admits(std::int64_t cost, std::int64_t limit, Nanos /*max_wait*/,
                          Nanos now) const {
  return Sum(now) + cost <= limit;
}

void ReferenceLog::Take(std::int64_t cost, HolderId /*holder*/, Nanos now) {
  const std::int64_t at = Latest(now);
  std::erase_if(charges_, [&](const Charge& charge) { return charge.at <= at - window_; });
  charges_.push_back({at, cost});
}

void ReferenceLog::TakeDenied(std::int64_t cost, std::int64_t limit, HolderId /*holder*/,
                              Nanos now) {
  Debit(cost, limit, now);
}

void ReferenceLog::Debit(std::int64_t units, std::int64_t limit, Nanos now) {
  const std::int64_t most = std::max(limit, Sum(now));
  Take(units, {}, now);
  // The newest entries stay.
  std::int64_t over = std::max<std::int64_t>(0, Sum(now) - most);
  for (Charge& charge : charges_) {
    const std::int64_t cut = std::min(over, charge.units);
    charge.units -= cut;
    over -= cut;
  }
  std::erase_if(charges_, [](const Charge& charge) { return charge.units == 0; });
}

void ReferenceLog::GiveBack(std::int64_t units, std::optional<std::int64_t> mark, Nanos now) {
  std::erase_if(charges_, [&, edge = Latest(now) - window_](const Charge& charge) {
    return charge.at <= edge;
  });
  for (std::size_t i = charges_.size(); i-- > 0;) {
    if (mark && charges_[i].at != *mark) continue;
    const std::int64_t taken = std::min(units, charges_[i].units);
    charges_[i].units -= taken;
    units -= taken;
  }
  std::erase_if(charges_, [](const Charge& charge) { return charge.units == 0; });
}

std::int64_t ReferenceSlots::Held(Nanos now) const {
  return std::ranges::count_if(slots_, [&](const Slot& slot) { return slot.until > UsOf(now); });
}

void ReferenceSlots::Forget(Nanos now) {
  std::erase_if(slots_, [&](const Slot& slot) { return slot.until <= UsOf(now); });
}

bool ReferenceSlots::Admits(std::int64_t /*cost*/, std::int64_t limit, Nanos /*max_wait*/,
                            Nanos now) const {
  return Held(now) < limit;
}

void ReferenceSlots::Take(std::int64_t /*cost*/, HolderId holder, Nanos now) {
  Forget(now);
  slots_.push_back({holder, UsOf(now) + ttl_});
}

void ReferenceSlots::TakeDenied(std::int64_t cost, std::int64_t limit, HolderId holder, Nanos now) {
  if (Held(now) < limit) Take(cost, holder, now);
}

bool ReferenceSlots::Holds(HolderId holder, Nanos now) const {
  return std::ranges::any_of(
      slots_, [&](const Slot& slot) { return slot.holder == holder && slot.until > UsOf(now); });
}

bool ReferenceSlots::Release(HolderId holder, Nanos now) {
  Forget(now);
  return std::erase_if(slots_, [&](const Slot& slot) { return slot.holder == holder; }) > 0;
}

bool ReferenceSlots::Renew(HolderId holder, Nanos now) {
  if (!Release(holder, now)) return false;
  slots_.push_back({holder, UsOf(now) + ttl_});
  return true;
}

}  // namespace sluice::testing
