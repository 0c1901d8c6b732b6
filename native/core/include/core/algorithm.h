// The list of algorithms, and what each of them says of itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/concurrency.h"
#include "core/fixed_window.h"
#include "core/gcra.h"
#include "core/leaky_bucket.h"
#include "core/sliding_log.h"
#include "core/sliding_window.h"
#include "core/tat_algorithm.h"
#include "core/token_bucket.h"

namespace sluice {

/// Every algorithm. The one list in C++ that a new algorithm joins: the addon, the Redis protocol,
/// the memory store and the simulator visit it. See core/algorithm_defaults.h.
using Algorithm = std::variant<TokenBucket, Gcra, LeakyBucket, FixedWindow, SlidingWindow,
                               SlidingLog, Concurrency>;

/// Makes the algorithm of this name (kName) from its numbers (FromNumbers). None if `fault` says
/// what is wrong with a number, or, with kNone, if there is no such name or count of numbers.
std::optional<Algorithm> MakeAlgorithm(std::string_view name, std::span<const std::int64_t> numbers,
                                       PolicyFault& fault);

/// "tb1", "fw1.60000" and so on: the algorithm, the format of its state, and its window. States of
/// another tag are never read.
std::string StateTag(const Algorithm& algorithm);

/// The algorithm as a TatAlgorithm if its state is one TAT; else null.
inline const TatAlgorithm* AsTat(const Algorithm& algorithm) {
  return std::visit(
      []<typename A>(const A& a) -> const TatAlgorithm* {
        if constexpr (A::kIsTat) {
          return &a;
        } else {
          return nullptr;
        }
      },
      algorithm);
}
inline bool IsTat(const Algorithm& algorithm) { return AsTat(algorithm) != nullptr; }

/// The numbers of a policy whose state is one TAT. Precondition: IsTat.
inline const TatRule& RuleOf(const Algorithm& algorithm) { return AsTat(algorithm)->rule(); }

/// Whether an admitted call holds a slot.
bool HoldsSlots(const Algorithm& algorithm);

/// The suffix of the name of the collection that Redis keeps beside the state; empty if none.
std::string_view CollectionSuffix(const Algorithm& algorithm);

/// How many numbers of a Reading the algorithm uses, and the largest that one may be.
std::size_t ReadingSize(const Algorithm& algorithm);
std::int64_t LargestReading(const Algorithm& algorithm);

std::int64_t LimitOf(const Algorithm& algorithm);

/// The same algorithm with another limit or capacity; its window, rate and state stay. None if the
/// limit is out of the algorithm's range.
std::optional<Algorithm> WithLimit(const Algorithm& algorithm, std::int64_t limit);

/// The same algorithm with another ttl of slots, 1 us to kLongestSpan, if it gives slots.
Algorithm WithSlotTtl(const Algorithm& algorithm, Micros ttl);

/// The largest limit that WithLimit takes; it takes all from 0 to there.
std::int64_t LargestLimit(const Algorithm& algorithm);

}  // namespace sluice
