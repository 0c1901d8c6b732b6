// Slots in the order of their expiry.
#include "core/concurrency.h"

#include "window_tag.h"

namespace sluice {
namespace {

// Drops the expired slots. Returns the index of `holder` among the others, or size() if it has
// none.
std::size_t Find(Concurrency::State& state, HolderId holder, Micros now) {
  state.list.DropFront(state.list.CountUntil(now));
  const auto slots = state.list.items();
  return static_cast<std::size_t>(std::ranges::find(slots, holder, &Concurrency::Slot::holder) -
                                  slots.begin());
}

}  // namespace

std::optional<Concurrency> Concurrency::Make(std::int64_t limit, Nanos ttl, PolicyFault& fault) {
  fault = PolicyFault::kNone;
  if (limit < 0 || limit > kLargestLimit) fault = PolicyFault::kCapacity;
  if (!IsWindow(ttl)) fault = PolicyFault::kWindow;
  if (fault != PolicyFault::kNone) return std::nullopt;
  return Concurrency(limit, WholeMicros(ttl));
}

std::optional<Concurrency> Concurrency::WithLimit(std::int64_t limit) const {
  PolicyFault fault;
  return Make(limit, ttl_, fault);
}

Reading Concurrency::Read(const State& state, Micros now, std::int64_t n,
                          bool charges_denials) const {
  const auto held = state.list.items().subspan(state.list.CountUntil(now));
  const auto count = static_cast<std::int64_t>(held.size());
  Reading reading{.numbers = {count, 0, 0}, .blocked = {}};
  if (!held.empty()) reading.numbers[2] = (held.back().time - now).count();
  if (limit_ == 0) return reading;  // no call is ever admitted
  if (count >= limit_) {
    reading.numbers[1] = (held[static_cast<std::size_t>(count - limit_)].time - now).count();
  } else if (charges_denials && n > 0 && count + 1 == limit_) {
    // If a block denies it, the call takes the last slot.
    const Micros first = held.empty() ? ttl_ : std::min(ttl_, held.front().time - now);
    reading.numbers[1] = first.count();
  }
  return reading;
}

void Concurrency::Charge(State& state, HolderId holder, Micros now) const {
  state.list.DropFront(state.list.CountUntil(now));
  state.list.Insert({.time = now + ttl_, .holder = holder});
}

bool Concurrency::Holds(const State& state, HolderId holder, Micros now) {
  const auto held = state.list.items().subspan(state.list.CountUntil(now));
  return std::ranges::find(held, holder, &Slot::holder) != held.end();
}

bool Concurrency::Release(State& state, HolderId holder, Micros now) {
  const std::size_t at = Find(state, holder, now);
  if (at == state.list.size()) return false;
  state.list.Erase(at);
  return true;
}

bool Concurrency::Renew(State& state, HolderId holder, Micros now) const {
  if (!Release(state, holder, now)) return false;
  state.list.Insert({.time = now + ttl_, .holder = holder});
  return true;
}

}  // namespace sluice
