// The state that each algorithm keeps of a key, and the changes made to it. Nothing here locks or,
// but for FreshState, NewRoom and GrowRoom, allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <variant>

#include "core/operation.h"
#include "core/policy.h"
#include "core/time.h"

namespace sluice {

/// An algorithm whose state is a list of items, with a room that its owner provides.
template <typename A>
concept ListLike = !A::kIsTat && requires(typename A::State & state) {
  state.list;
};

namespace state {

// The states of the algorithms of a list, each once, behind those of `Done`.
template <typename Done, typename... Rest>
struct Union;
template <typename... Done>
struct Union<std::variant<Done...>> {
  using Type = std::variant<Done...>;
};
template <typename... Done, typename First, typename... Rest>
struct Union<std::variant<Done...>, First, Rest...>
    : std::conditional_t<(std::is_same_v<First, Done> || ...),
                         Union<std::variant<Done...>, Rest...>,
                         Union<std::variant<Done..., First>, Rest...>> {};

template <typename A>
struct Of {
  using Kept = typename A::State;
  using Room = std::monostate;
};
template <typename A>
requires A::kIsTat struct Of<A> {
  using Kept = Nanos;  // the TAT
  using Room = std::monostate;
};
template <ListLike A>
struct Of<A> {
  using Kept = std::unique_ptr<typename A::State>;
  using Room = std::unique_ptr<typename decltype(A::State::list)::Value[]>;
};

template <typename List>
struct All;
template <typename... A>
struct All<std::variant<A...>> {
  using States = typename Union<std::variant<std::monostate>, typename Of<A>::Kept...>::Type;
  using Rooms = typename Union<std::variant<std::monostate>, typename Of<A>::Room...>::Type;
};

}  // namespace state

/// The state of one algorithm: its State, its TAT, or, for a list, a box with its State (which
/// keeps this type small). std::monostate: none.
using State = state::All<Algorithm>::States;

/// Larger room for a list, or the room left over when it has been exchanged.
using ListRoom = state::All<Algorithm>::Rooms;

/// The state of a key never seen. Allocates for lists.
State FreshState(const Algorithm& algorithm);
/// Whether FreshState allocates.
bool IsList(const Algorithm& algorithm);

/// Reads a state, or none, for a call of this cost; see each algorithm's Read. `charges_denials`: a
/// denial of the call will be charged.
Reading ReadState(const Algorithm& algorithm, const State* state, const Moment& now,
                  std::int64_t cost, bool charges_denials);

// Changes. REQUIRE a state of the algorithm's kind, and those that add that RoomNeeded is 0.

/// Charges a call as `effect` says. `before`: the reading at `now`.
void ApplyState(Effect effect, const Algorithm& algorithm, State& state, const Reading& before,
                std::int64_t cost, HolderId holder, const Moment& now);
/// Charges whatever there is room for; slots: none.
void DebitState(const Algorithm& algorithm, State& state, std::int64_t units, const Moment& now);
/// Gives back up to `units`, of the charge that `mark` names (Decision::mark, of which the lower 53
/// bits are enough) if there is one; slots: none.
void CreditState(const Algorithm& algorithm, State& state, std::int64_t units,
                 std::optional<std::int64_t> mark, const Moment& now);
/// The same for a call that gave up waiting (TatAlgorithm::Aborted). False if the charge was kept
/// because others wait behind it.
bool AbortState(const Algorithm& algorithm, State& state, std::int64_t units, std::int64_t mark,
                const Moment& now);
/// Finds, gives back or renews the holder's slot. Whether there was one; false for other
/// algorithms.
bool HoldsSlot(const Algorithm& algorithm, State& state, HolderId holder, const Moment& now);
bool ReleaseSlot(const Algorithm& algorithm, State& state, HolderId holder, const Moment& now);
bool RenewSlot(const Algorithm& algorithm, State& state, HolderId holder, const Moment& now);

// Room for lists.

/// The number of keys that the state counts as: a list of k items as k / 2, any other as 1.
std::size_t WeightOf(const State& state);
/// The growth of that by one more item.
std::size_t WeightOfOneMore(const State& state);
/// The room that the list should move to before anything is added: 0 for none. Larger than now when
/// it is full, smaller when most of it is unused.
std::size_t RoomNeeded(const State& state);
/// Room for so many items of the algorithm's list.
ListRoom NewRoom(const Algorithm& algorithm, std::size_t capacity);
/// Moves the list into `room`, of so many items, if they fit, and leaves the unused room there.
void Exchange(State& state, ListRoom& room, std::size_t capacity);
/// Provides the room that RoomNeeded asks for. Allocates.
void GrowRoom(const Algorithm& algorithm, State& state);

}  // namespace sluice
