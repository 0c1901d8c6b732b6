// The count of the window, and the wait for enough room.
#include "core/sliding_log.h"

#include "window_tag.h"

namespace sluice {
namespace {

using Entries = TimedList<SlidingLog::Entry>;

std::int64_t SumOf(std::span<const SlidingLog::Entry> entries) {
  std::int64_t sum = 0;
  for (const SlidingLog::Entry& entry : entries) sum += entry.cost;
  return sum;
}

// Drops the entries that have left the window.
void Prune(SlidingLog::State& state, Micros until) {
  const std::size_t gone = state.list.CountUntil(until);
  state.sum -= SumOf(state.list.items().first(gone));
  state.list.DropFront(gone);
}

}  // namespace

std::optional<SlidingLog> SlidingLog::Make(std::int64_t limit, Nanos window, PolicyFault& fault) {
  fault = PolicyFault::kNone;
  if (limit < 0 || limit > kLargestLogLimit) fault = PolicyFault::kLogLimit;
  if (!IsWindow(window)) fault = PolicyFault::kWindow;
  if (fault != PolicyFault::kNone) return std::nullopt;
  return SlidingLog(limit, WholeMicros(window));
}

std::string SlidingLog::StateTag() const { return "sl1." + WindowTag(window_); }

std::optional<SlidingLog> SlidingLog::WithLimit(std::int64_t limit) const {
  PolicyFault fault;
  return Make(limit, window_, fault);
}

Reading SlidingLog::Read(const State& state, Micros now, std::int64_t n,
                         bool charges_denials) const {
  const auto all = state.list.items();
  const std::size_t gone = state.list.CountUntil(Newest(state, now) - window_);
  const auto live = all.subspan(gone);
  const std::int64_t sum = state.sum - SumOf(all.first(gone));
  Reading reading{.numbers = {sum, 0, 0}, .blocked = {}};
  if (!live.empty()) reading.numbers[2] = (live.back().time + window_ - now).count();

  // The number of oldest units that must leave before the call fits. A charged denial adds n more
  // and, above the limit, cuts the oldest: they leave first either way.
  const std::int64_t must_leave = sum + n + (charges_denials ? n : 0) - limit_;
  if (must_leave <= 0) return reading;
  // At most the entry that such a denial adds, at the newest time.
  Micros leaves = Newest(state, now);
  std::int64_t left = must_leave;
  for (const Entry& entry : live) {
    left -= entry.cost;
    if (left > 0) continue;
    leaves = entry.time;
    break;
  }
  reading.numbers[1] = (leaves + window_ - now).count();
  return reading;
}

void SlidingLog::Charge(State& state, std::int64_t n, Micros now) const {
  const Micros at = Newest(state, now);
  Prune(state, at - window_);
  const std::int64_t most = std::max(limit_, state.sum);
  n = std::min(n, most);
  if (n == 0) return;  // a limit of 0 keeps nothing
  if (!state.list.empty() && state.list.back().time == at) {
    state.list[state.list.size() - 1].cost += n;
  } else {
    state.list.Insert({.time = at, .cost = n});
  }
  state.sum += n;
  while (state.sum > most) {
    const std::int64_t over = state.sum - most;
    const std::int64_t cut = std::min(over, state.list.front().cost);
    state.sum -= cut;
    state.list[0].cost -= cut;
    if (state.list.front().cost == 0) state.list.DropFront(1);
  }
}

void SlidingLog::GiveBack(State& state, std::int64_t units, std::optional<std::int64_t> mark,
                          Micros now) const {
  Prune(state, Newest(state, now) - window_);
  for (std::size_t i = state.list.size(); i-- > 0 && units > 0;) {
    if (mark && state.list[i].time.count() != *mark) continue;
    const std::int64_t taken = std::min(units, state.list[i].cost);
    state.list[i].cost -= taken;
    state.sum -= taken;
    units -= taken;
    if (state.list[i].cost == 0) state.list.Erase(i);
  }
}

}  // namespace sluice
