// The rule of a TAT policy, made from a user's numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "core/policy_fault.h"
#include "core/tat.h"
#include "core/time.h"

namespace sluice {

/// The rule of a policy that admits `capacity` units at once and `rate` units every `every` in the
/// long run; or none, with the fault of the numbers in `fault`.
///   capacity        0 to 2^42; 0 admits nothing but a cost of 0
///   rate            1 to 2^42
///   every           at least 1 ns
/// One unit takes I = ceil(every / rate) ns. Refused if that rounding slows the rate by more than
/// 1 %, or if a full refill (capacity * I) is longer than 100 days.
std::optional<TatRule> MakeTatRule(std::int64_t capacity, std::int64_t rate, Nanos every,
                                   PolicyFault& fault);

}  // namespace sluice
