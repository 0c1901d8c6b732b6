// One function for each change, dispatched over the algorithms by what they can do.
#include "core/state.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice {
namespace {

/// Its state follows from a reading.
template <typename A>
concept WindowLike = !A::kIsTat && !ListLike<A>;

// The state as the algorithm A knows it, or null if it is of another kind.
template <typename A, typename S>
auto* OwnState(S* state) {
  auto* kept = std::get_if<typename state::Of<A>::Kept>(state);
  if constexpr (ListLike<A>) {
    return kept == nullptr ? nullptr : kept->get();
  } else {
    return kept;
  }
}

// Calls `f(a, own)`; the state is there and fits by precondition.
template <typename F>
void Visit(const Algorithm& algorithm, State& state, F f) {
  std::visit(
      [&]<typename A>(const A& a) {
        if (auto* own = OwnState<A>(&state)) f(a, *own);
      },
      algorithm);
}

Reading ReadTat(Nanos tat, const Moment& now) {
  return {.numbers = {Backlog(tat, now.now).count()}, .blocked = {}};
}

// Replaces a TAT if `after` says another than `before`.
void SetTat(Nanos& tat, const Reading& before, const Reading& after, const Moment& now) {
  if (after.numbers[0] != before.numbers[0]) tat = now.now + Nanos{after.numbers[0]};
}

// A mark that went through JavaScript is known modulo this.
constexpr std::int64_t kMarkModulus = std::int64_t{1} << 53;

// How far a TAT that a charge produced still lies ahead. Once the clock has reached the modulus, a
// TAT further ahead than any charge under the rule can reach counts as one that has passed. So a
// mark is misread only if it is older than four days, under a policy that takes weeks to refill.
Nanos Undrained(std::int64_t mark, Nanos now, const TatRule& rule, const Reading& reading) {
  if (mark >= kMarkModulus || (now + kLongestSpan).count() < kMarkModulus) {
    return std::max(Nanos{0}, Nanos{mark} - now);
  }
  const Nanos ahead{(mark - now.count() % kMarkModulus + kMarkModulus) % kMarkModulus};
  const Nanos reach = 2 * std::max(rule.Span(), Nanos{reading.numbers[0]}) + std::chrono::days(1);
  return ahead > std::min(kLongestSpan, reach) ? Nanos{0} : ahead;
}

// The nearest of the times that a mark may mean.
std::optional<std::int64_t> NearestMark(std::optional<std::int64_t> mark, Micros wall) {
  if (!mark) return std::nullopt;
  std::int64_t ahead = (*mark - wall.count()) % kMarkModulus;
  if (ahead >= kMarkModulus / 2) ahead -= kMarkModulus;
  if (ahead < -kMarkModulus / 2) ahead += kMarkModulus;
  return wall.count() + ahead;
}

// Calls `f(list)` where the state has one, and returns its result; else `otherwise`.
template <typename S, typename F>
std::size_t WithList(S& state, std::size_t otherwise, F f) {
  return std::visit(
      [&](auto& kept) -> std::size_t {
        if constexpr (requires { kept->list; }) {
          return f(kept->list);
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

State FreshState(const Algorithm& algorithm) {
  return std::visit(
      []<typename A>(const A&) -> State {
        if constexpr (ListLike<A>) {
          return std::make_unique<typename A::State>();
        } else {
          return typename state::Of<A>::Kept{};
        }
      },
      algorithm);
}

bool IsList(const Algorithm& algorithm) {
  return std::visit([]<typename A>(const A&) { return ListLike<A>; }, algorithm);
}

Reading ReadState(const Algorithm& algorithm, const State* state, const Moment& now,
                  std::int64_t cost, bool charges_denials) {
  return std::visit(
      [&]<typename A>(const A& a) -> Reading {
        const auto* own = state == nullptr ? nullptr : OwnState<A>(state);
        if constexpr (A::kIsTat) {
          return ReadTat(own == nullptr ? Nanos{0} : *own, now);
        } else {
          const typename A::State none{};
          const auto& read = own == nullptr ? none : *own;
          if constexpr (ListLike<A>) {
            return a.Read(read, WallFor(a, now), cost, charges_denials);
          } else {
            return a.Read(read, WallFor(a, now));
          }
        }
      },
      algorithm);
}

void ApplyState(Effect effect, const Algorithm& algorithm, State& state, const Reading& before,
                std::int64_t cost, HolderId holder, const Moment& now) {
  if (effect == Effect::kNone) return;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    const Micros wall = WallFor(a, now);
    const auto after = [&] {
      return effect == Effect::kCharge ? a.Charged(before, cost) : a.ChargedDenied(before, cost);
    };
    if constexpr (A::kIsTat) {
      own = now.now + a.ResetAfter(after());
    } else if constexpr (WindowLike<A>) {
      own = a.Store(after(), wall);
    } else if constexpr (requires { a.Charge(own, holder, wall); }) {
      if (a.Fits(before, cost)) a.Charge(own, holder, wall);
    } else {
      a.Charge(own, cost, wall);
    }
  });
}

void DebitState(const Algorithm& algorithm, State& state, std::int64_t units, const Moment& now) {
  if (units == 0) return;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    const Micros wall = WallFor(a, now);
    if constexpr (A::kIsTat) {
      const Reading before = ReadTat(own, now);
      SetTat(own, before, a.Debited(before, units), now);
    } else if constexpr (WindowLike<A>) {
      own = a.Store(a.Debited(a.Read(own, wall), units), wall);
    } else if constexpr (requires { a.Charge(own, units, wall); }) {
      a.Charge(own, units, wall);
    }
  });
}

void CreditState(const Algorithm& algorithm, State& state, std::int64_t units,
                 std::optional<std::int64_t> mark, const Moment& now) {
  if (units == 0) return;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    const Micros wall = WallFor(a, now);
    if constexpr (A::kIsTat) {
      const Reading before = ReadTat(own, now);
      std::optional<Nanos> undrained;
      if (mark) undrained = Undrained(*mark, now.now, a.rule(), before);
      SetTat(own, before, a.GivenBack(before, units, undrained), now);
    } else if constexpr (WindowLike<A>) {
      own = a.Store(a.GivenBack(a.Read(own, wall), units, NearestMark(mark, wall), wall), wall);
    } else if constexpr (requires { a.GiveBack(own, units, mark, wall); }) {
      a.GiveBack(own, units, NearestMark(mark, wall), wall);
    }
  });
}

bool AbortState(const Algorithm& algorithm, State& state, std::int64_t units, std::int64_t mark,
                const Moment& now) {
  if (units == 0) return true;
  if (!IsTat(algorithm)) {
    CreditState(algorithm, state, units, mark, now);
    return true;
  }
  bool given_back = true;
  Visit(algorithm, state, [&]<typename A>(const A& a, auto& own) {
    if constexpr (A::kIsTat) {
      const Reading before = ReadTat(own, now);
      const Nanos undrained = Undrained(mark, now.now, a.rule(), before);
      given_back = !a.HasFollowers(before, undrained);
      SetTat(own, before, a.Aborted(before, units, undrained), now);
    }
  });
  return given_back;
}

bool HoldsSlot(const Algorithm& algorithm, State& state, HolderId holder, const Moment& now) {
  bool held = false;
  Visit(algorithm, state, [&](const auto& a, auto& own) {
    if constexpr (requires { a.Holds(own, holder, now.wall); }) {
      held = a.Holds(own, holder, now.wall);
    }
  });
  return held;
}

bool ReleaseSlot(const Algorithm& algorithm, State& state, HolderId holder, const Moment& now) {
  bool released = false;
  Visit(algorithm, state, [&](const auto& a, auto& own) {
    if constexpr (requires { a.Release(own, holder, now.wall); }) {
      released = a.Release(own, holder, now.wall);
    }
  });
  return released;
}

bool RenewSlot(const Algorithm& algorithm, State& state, HolderId holder, const Moment& now) {
  bool renewed = false;
  Visit(algorithm, state, [&](const auto& a, auto& own) {
    if constexpr (requires { a.Renew(own, holder, now.wall); }) {
      renewed = a.Renew(own, holder, now.wall);
    }
  });
  return renewed;
}

std::size_t WeightOf(const State& state) {
  return WithList(state, 1, [](const auto& list) { return WeightOfItems(list.size()); });
}

std::size_t WeightOfOneMore(const State& state) {
  return WithList(state, 0, [](const auto& list) {
    return WeightOfItems(list.size() + 1) - WeightOfItems(list.size());
  });
}

std::size_t RoomNeeded(const State& state) {
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
          return std::make_unique<typename decltype(A::State::list)::Value[]>(capacity);
        } else {
          return {};
        }
      },
      algorithm);
}

void Exchange(State& state, ListRoom& room, std::size_t capacity) {
  WithList(state, 0, [&](auto& list) -> std::size_t {
    using Item = typename std::remove_reference_t<decltype(list)>::Value;
    auto* fits = std::get_if<std::unique_ptr<Item[]>>(&room);
    if (fits != nullptr && list.size() < capacity) list.Exchange(*fits, capacity);
    return 0;
  });
}

void GrowRoom(const Algorithm& algorithm, State& state) {
  const std::size_t capacity = RoomNeeded(state);
  if (capacity == 0) return;
  ListRoom room = NewRoom(algorithm, capacity);
  Exchange(state, room, capacity);
}

}  // namespace sluice
