// A policy in words and numbers.
#pragma once

#include <optional>
#include <string>

#include "model/policy_numbers.h"

namespace sluice::sim {

/// "Token bucket: capacity 20, refill 10 every 1 s"
std::string DescribePolicy(const ChosenPolicy& policy);

/// The rate admitted in the long run, in units a second; none if it depends on the calls.
std::optional<double> PacePerSecond(const ChosenPolicy& policy);

/// The length of the algorithm's window; 0 if it has none.
Nanos WindowOf(const Algorithm& algorithm);
/// How long a charge may count: a window, a slot's time to live, or the time in which a full bucket
/// drains.
Nanos LongestTrace(const Algorithm& algorithm);
/// The time span that charts should show, so that a few windows are visible.
Nanos TimeToShow(const ChosenPolicy& policy);

}  // namespace sluice::sim
