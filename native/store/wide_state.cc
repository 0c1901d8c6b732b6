// One function for each thing that is done to a state, dispatched over the algorithms by what these
// can do rather than by what they are called.
#include "wide_state.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace sluice {
namespace {

template <typename A>
concept Wide = !A::kIsTat;
/// Its state follows from a reading.
template <typename A>
concept WindowLike = Wide<A> && requires(const A& a, Reading r) {
  a.Store(r, Micros{});
};
/// Its state is a list of items.
template <typename A>
concept ListLike = Wide<A> && !WindowLike<A>;

// The list in a state.
TimedList<SlidingLog::Entry>& ListOf(SlidingLog::State& state) { return state.entries; }
TimedList<Concurrency::Slot>& ListOf(Concurrency::State& state) { return state.slots; }

// The state as the algorithm A knows it, or null if it is of another kind.
template <typename A, typename W>
auto* StateOf(W* state) {
  using Held =
      std::conditional_t<ListLike<A>, std::unique_ptr<typename A::State>, typename A::State>;
  auto* held = std::get_if<Held>(state);
  if constexpr (ListLike<A>) {
    return held == nullptr ? nullptr : held->get();
  } else {
    return held;
  }
}

// Calls `f(a, state)` for an algorithm of this kind; the state is there and fits by precondition.
template <typename F>
void Visit(const Algorithm& algorithm, WideState& state, F f) {
  std::visit(
      [&]<typename A>(const A& a) {
        if constexpr (Wide<A>) {
          if (auto* own = StateOf<A>(&state)) f(a, *own);
        }
      },
      algorithm);
}

// Calls `f(list)` where the state has one, and returns what it does; else `otherwise`.
template <typename W, typename F>
std::size_t WithList(W& state, std::size_t otherwise, F f) {
  return std::visit(
      [&](auto& held) -> std::size_t {
        if constexpr (requires { ListOf(*held); }) {
          return f(ListOf(*held));
        } else {
          return otherwise;
        }
      },
      state);
}

std::size_t WeightOfItems(std::size_t items) { return std::max<std::size_t>(1, items / 2); }

// Below this, room is never given back: it would be too little to notice.
constexpr std::size_t kSmallRoom = 32;

}  // namespace

WideState FreshState(const Algorithm& algorithm) {
  return std::visit(
      []<typename A>(const A&) -> WideState {
        if constexpr (ListLike<A>) {
          return std::make_unique<typename A::State>();
        } else if constexpr (Wide<A>) {
          return typename A::State{};
        } else {
          return {};
        }
      },
      algorithm);
}

bool IsList(const Algorithm& algorithm) {
  return std::visit([]<typename A>(const A&) { return ListLike<A>; }, algorithm);
}

Reading ReadState(const Algorithm& algorithm, const WideState* state, Micros now, std::int64_t cost,
                  bool charges_denials) {
  return std::visit(
      [&]<typename A>(const A& a) -> Reading {
        if constexpr (Wide<A>) {
          const auto* held = state == nullptr ? nullptr : StateOf<A>(state);
          const typename A::State none{};
          const auto& own = held == nullptr ? none : *held;
          if constexpr (WindowLike<A>) {
            return a.Read(own, now);
          } else {
            return a.Read(own, now, cost, charges_denials);
          }
        } else {
          return {};
        }
      },
      algorithm);
}

void Apply(Effect effect, const Algorithm& algorithm, WideState& state, const Reading& before,
           std::int64_t cost, HolderId holder, Micros now) {
  if (effect == Effect::kNone) return;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    if constexpr (WindowLike<A>) {
      own = a.Store(
          effect == Effect::kCharge ? a.Charged(before, cost) : a.ChargedDenied(before, cost), now);
    } else if constexpr (requires { a.Charge(own, holder, now); }) {
      if (a.Fits(before, cost)) a.Charge(own, holder, now);
    } else {
      a.Charge(own, cost, now);
    }
  });
}

void DebitState(const Algorithm& algorithm, WideState& state, std::int64_t units, Micros now) {
  if (units == 0) return;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    if constexpr (WindowLike<A>) {
      own = a.Store(a.Debited(a.Read(own, now), units), now);
    } else if constexpr (requires { a.Charge(own, units, now); }) {
      a.Charge(own, units, now);
    }
  });
}

void CreditState(const Algorithm& algorithm, WideState& state, std::int64_t units,
                 std::optional<std::int64_t> mark, Micros now) {
  if (units == 0) return;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    if constexpr (WindowLike<A>) {
      own = a.Store(a.GivenBack(a.Read(own, now), units, mark, now), now);
    } else if constexpr (requires { a.GiveBack(own, units, mark, now); }) {
      a.GiveBack(own, units, mark, now);
    }
  });
}

bool HoldsSlot(const Algorithm& algorithm, WideState& state, HolderId holder, Micros now) {
  bool held = false;
  Visit(algorithm, state, [&](const auto& a, auto& own) {
    if constexpr (requires { a.Holds(own, holder, now); }) held = a.Holds(own, holder, now);
  });
  return held;
}

bool ReleaseSlot(const Algorithm& algorithm, WideState& state, HolderId holder, Micros now) {
  bool released = false;
  Visit(algorithm, state, [&](const auto& a, auto& own) {
    if constexpr (requires { a.Release(own, holder, now); }) {
      released = a.Release(own, holder, now);
    }
  });
  return released;
}

bool RenewSlot(const Algorithm& algorithm, WideState& state, HolderId holder, Micros now) {
  bool renewed = false;
  Visit(algorithm, state, [&](const auto& a, auto& own) {
    if constexpr (requires { a.Renew(own, holder, now); }) renewed = a.Renew(own, holder, now);
  });
  return renewed;
}

std::size_t WeightOf(const WideState& state) {
  return WithList(state, 1, [](const auto& list) { return WeightOfItems(list.size()); });
}

std::size_t WeightOfOneMore(const WideState& state) {
  return WithList(state, 0, [](const auto& list) {
    return WeightOfItems(list.size() + 1) - WeightOfItems(list.size());
  });
}

std::size_t RoomNeeded(const WideState& state) {
  return WithList(state, 0, [](const auto& list) -> std::size_t {
    if (list.full()) return list.NextCapacity();
    const bool idle = list.capacity() > kSmallRoom && list.size() < list.capacity() / 8;
    return idle ? list.capacity() / 4 : 0;
  });
}

ListRoom NewRoom(const Algorithm& algorithm, std::size_t capacity) {
  return std::visit(
      [capacity]<typename A>(const A&) -> ListRoom {
        if constexpr (ListLike<A>) {
          using Item =
              std::remove_cvref_t<decltype(ListOf(std::declval<typename A::State&>()).front())>;
          return std::make_unique<Item[]>(capacity);
        } else {
          return {};
        }
      },
      algorithm);
}

void Exchange(WideState& state, ListRoom& room, std::size_t capacity) {
  WithList(state, 0, [&](auto& list) -> std::size_t {
    using Item = std::remove_cvref_t<decltype(list.front())>;
    auto* fits = std::get_if<std::unique_ptr<Item[]>>(&room);
    if (fits != nullptr && list.size() < capacity) list.Exchange(*fits, capacity);
    return 0;
  });
}

}  // namespace sluice
