// States larger than one word, of whichever algorithm, and what is done to them. Nothing here locks
// or, but for FreshState and NewRoom, allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <variant>

#include "core/policy.h"
#include "core/time.h"

namespace sluice {

namespace internal {

// A state with a collection needs room of its own anyway, so the table holds it in a box. A TAT has
// a table of its own.
template <typename A>
auto HeldState() {
  if constexpr (A::kIsTat) {
    return std::tuple<>{};
  } else if constexpr (!A::kCollection.empty()) {
    return std::tuple<std::unique_ptr<typename A::State>>{};
  } else {
    return std::tuple<typename A::State>{};
  }
}

template <typename... A>
auto HeldStates(std::type_identity<std::variant<A...>>) {
  return std::tuple_cat(std::tuple<std::monostate>{}, HeldState<A>()...);
}

template <typename... S>
std::variant<S...> VariantOf(std::type_identity<std::tuple<S...>>);

}  // namespace internal

/// The state of any algorithm of the list, or none.
using WideState = decltype(internal::VariantOf(
    std::type_identity<decltype(internal::HeldStates(std::type_identity<Algorithm>{}))>{}));

/// Larger room for a list, or what is left over when it has been exchanged.
using ListRoom = std::variant<std::monostate, std::unique_ptr<SlidingLog::Entry[]>,
                              std::unique_ptr<Concurrency::Slot[]>>;

/// A state that equals none, of the algorithm's kind. Allocates for lists.
/// Precondition for all of these: !IsTat(algorithm).
WideState FreshState(const Algorithm& algorithm);
/// Whether FreshState allocates.
bool IsList(const Algorithm& algorithm);

/// Reads a state, or none. See each algorithm's Read.
Reading ReadState(const Algorithm& algorithm, const WideState* state, Micros now, std::int64_t cost,
                  bool charges_denials);

// Changes. REQUIRE a state of the algorithm's kind, and those that add that RoomNeeded is 0.

/// Makes `before` (read at `now`) what the effect comes to.
void Apply(Effect effect, const Algorithm& algorithm, WideState& state, const Reading& before,
           std::int64_t cost, HolderId holder, Micros now);
/// Charges whatever there is room for; slots: none.
void DebitState(const Algorithm& algorithm, WideState& state, std::int64_t units, Micros now);
/// Gives back up to `units`, of the charge that `mark` names if there is one; slots: none.
void CreditState(const Algorithm& algorithm, WideState& state, std::int64_t units,
                 std::optional<std::int64_t> mark, Micros now);
/// Looks for, gives back or renews the holder's slot. Whether there was one; not for other
/// algorithms.
bool HoldsSlot(const Algorithm& algorithm, WideState& state, HolderId holder, Micros now);
bool ReleaseSlot(const Algorithm& algorithm, WideState& state, HolderId holder, Micros now);
bool RenewSlot(const Algorithm& algorithm, WideState& state, HolderId holder, Micros now);

/// How many keys the state counts as: a list of k items as k / 2, any other as 1.
std::size_t WeightOf(const WideState& state);
/// By how much that grows with one more item.
std::size_t WeightOfOneMore(const WideState& state);
/// How large a room the state's list should move to before anything is added: 0 for none. Larger
/// than now when it is full, smaller when it hardly uses what it has.
std::size_t RoomNeeded(const WideState& state);
/// Room for so many items of the algorithm's list.
ListRoom NewRoom(const Algorithm& algorithm, std::size_t capacity);
/// Moves the list into `room`, of so many items, if they fit, and leaves the one in it that is not
/// used.
void Exchange(WideState& state, ListRoom& room, std::size_t capacity);

}  // namespace sluice
