// Concurrency: at most `limit` calls at a time. An admitted call holds a slot until it is released,
// or until `ttl` has passed since it was taken or renewed. So a holder that dies gives it back.
//
//   admit any n >= 1  iff  slots held < limit; it takes one slot
//
// Guarantee: holders that renew in time hold at most `limit` slots at any moment.
// Memory: an id and a time per held slot.
// Reading: {slots held, us until the call would be admitted if no slot is released, us until the
// last held slot expires}.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/algorithm_defaults.h"
#include "core/policy_fault.h"
#include "core/reading.h"
#include "core/time.h"
#include "core/timed_list.h"

namespace sluice {

/// Identifies a slot. Random, so that nobody can release another's.
struct HolderId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const HolderId&) const = default;
};

class Concurrency : public AlgorithmDefaults {
 public:
  static constexpr std::string_view kName = "concurrency";
  static constexpr std::size_t kReadingSize = 3;
  static constexpr bool kHoldsSlots = true;
  static constexpr std::string_view kCollection = ":z";

  struct Slot {
    Micros time{0};  ///< when it expires
    HolderId holder;
  };
  struct State {
    TimedList<Slot> list;
  };

  /// limit  0 to 2^42
  /// ttl    1 us to 100 days
  static std::optional<Concurrency> Make(std::int64_t limit, Nanos ttl, PolicyFault& fault);

  static constexpr std::size_t kNumbers = 2;
  static std::optional<Concurrency> FromNumbers(std::span<const std::int64_t, kNumbers> numbers,
                                                PolicyFault& fault) {
    return Make(numbers[0], Micros{numbers[1]}, fault);
  }

  static constexpr char letter() { return 'n'; }
  std::int64_t limit() const { return limit_; }
  static std::int64_t LargestLimit() { return kLargestLimit; }
  Micros ttl() const { return ttl_; }
  /// "co1": another ttl keeps the state, because each slot stores its own end.
  std::string StateTag() const { return "co1"; }
  std::optional<Concurrency> WithLimit(std::int64_t limit) const;
  /// The same with another ttl. Precondition: as for Make.
  Concurrency WithTtl(Micros ttl) const { return {limit_, ttl}; }
  std::array<std::int64_t, 2> WireNumbers(std::int64_t /*n*/, Nanos /*max_wait*/) const {
    return {limit_, ttl_.count()};
  }

  /// The inputs of a decision on a call of cost `n`; `charges_denials`: its denial will be charged.
  Reading Read(const State& state, Micros now, std::int64_t n, bool charges_denials) const;

  bool NeverFits(std::int64_t n) const { return n > 0 && limit_ == 0; }
  bool Fits(const Reading& r, std::int64_t /*n*/) const { return r.numbers[0] < limit_; }
  Reading Charged(Reading r, std::int64_t /*n*/) const {
    r.numbers[0] += 1;
    r.numbers[2] = std::max(r.numbers[2], ttl_.count());
    return r;
  }
  /// A denied call takes a slot too, if one is free.
  Reading ChargedDenied(const Reading& r, std::int64_t n) const {
    return Fits(r, n) ? Charged(r, n) : r;
  }
  Nanos RetryAfter(const Reading& r, std::int64_t /*n*/) const { return Micros{r.numbers[1]}; }
  std::int64_t Remaining(const Reading& r) const {
    return std::max<std::int64_t>(0, limit_ - r.numbers[0]);
  }
  Nanos ResetAfter(const Reading& r) const { return Micros{r.numbers[2]}; }
  std::int64_t Mark(const Reading& /*r*/, Micros /*now*/) const { return 0; }

  // Changes of the state.

  /// Takes a slot. REQUIRES room: !state.list.full().
  void Charge(State& state, HolderId holder, Micros now) const;
  /// Whether the holder has a slot.
  static bool Holds(const State& state, HolderId holder, Micros now);
  /// Releases the holder's slot; returns whether there was one.
  static bool Release(State& state, HolderId holder, Micros now);
  /// Extends the holder's slot to `ttl` from now; returns whether there was one.
  bool Renew(State& state, HolderId holder, Micros now) const;

 private:
  Concurrency(std::int64_t limit, Micros ttl) : limit_(limit), ttl_(ttl) {}

  std::int64_t limit_;
  Micros ttl_;
};

}  // namespace sluice
