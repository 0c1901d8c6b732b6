// Follows the store, call by call.
#include "model/key_state.h"

#include <memory>
#include <utility>

namespace sluice::sim {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

template <typename Item>
void MakeRoom(TimedList<Item>& list) {
  if (!list.full()) return;
  const std::size_t capacity = list.NextCapacity();
  auto room = std::make_unique<Item[]>(capacity);
  list.Exchange(room, capacity);
}

}  // namespace

KeyState::KeyState(const Algorithm& algorithm) {
  std::visit(Overloaded{[](const TatAlgorithm&) {},
                        [this](const FixedWindow&) { state_ = FixedWindow::State{}; },
                        [this](const SlidingWindow&) { state_ = SlidingWindow::State{}; },
                        [this](const SlidingLog&) { state_ = SlidingLog::State{}; },
                        [this](const Concurrency&) { state_ = Concurrency::State{}; }},
             algorithm);
}

Reading KeyState::Read(const Algorithm& algorithm, std::int64_t n, Nanos now) const {
  const Micros wall = MomentOf(now).wall;
  return std::visit(
      Overloaded{[&](const TatAlgorithm&) {
                   return Reading{.numbers = {Backlog(std::get<Nanos>(state_), now).count()},
                                  .blocked = {}};
                 },
                 [&](const FixedWindow& window) {
                   return window.Read(std::get<FixedWindow::State>(state_), wall);
                 },
                 [&](const SlidingWindow& window) {
                   return window.Read(std::get<SlidingWindow::State>(state_), wall);
                 },
                 [&](const SlidingLog& log) {
                   return log.Read(std::get<SlidingLog::State>(state_), wall, n, false);
                 },
                 [&](const Concurrency& slots) {
                   return slots.Read(std::get<Concurrency::State>(state_), wall, n, false);
                 }},
      algorithm);
}

void KeyState::Charge(const Algorithm& algorithm, std::int64_t n, HolderId holder, Nanos now) {
  const Micros wall = MomentOf(now).wall;
  const Reading before = Read(algorithm, n, now);
  std::visit(Overloaded{[&](const TatAlgorithm& tat) {
                          state_ = now + Nanos{tat.Charged(before, n).numbers[0]};
                        },
                        [&](const FixedWindow& window) {
                          state_ = window.Store(window.Charged(before, n), wall);
                        },
                        [&](const SlidingWindow& window) {
                          state_ = window.Store(window.Charged(before, n), wall);
                        },
                        [&](const SlidingLog& log) {
                          auto& state = std::get<SlidingLog::State>(state_);
                          MakeRoom(state.entries);
                          log.Charge(state, n, wall);
                        },
                        [&](const Concurrency& slots) {
                          auto& state = std::get<Concurrency::State>(state_);
                          MakeRoom(state.slots);
                          slots.Charge(state, holder, wall);
                        }},
             algorithm);
}

void KeyState::Release(HolderId holder, Nanos now) {
  if (auto* state = std::get_if<Concurrency::State>(&state_)) {
    Concurrency::Release(*state, holder, MomentOf(now).wall);
  }
}

}  // namespace sluice::sim
