// A policy in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/policy_numbers.h"

namespace sluice::sim {

/// "Token bucket: capacity 20, refill 10 every 1 s"
std::string DescribePolicy(const ChosenPolicy& policy);
/// "At most 20 at once, then 10 a second"
std::string DescribeLimit(const ChosenPolicy& policy);
/// What else is worth knowing, where there is room: "one token every 100 ms". May be empty.
std::string DescribeDetail(const ChosenPolicy& policy);

/// What it admits in the long run, in units a second; none where that hangs on the calls
/// themselves.
std::optional<double> PacePerSecond(const ChosenPolicy& policy);
/// What that pace is called: "refill", "leak", "limit".
std::string_view PaceName(AlgorithmKind kind);
/// "tokens" or "units".
std::string_view UnitsOf(AlgorithmKind kind);

/// How long the span is on which the policy counts: a window; 0 where it counts on none.
Nanos WindowOf(const ChosenPolicy& policy);
/// How much time charts should show, so that a few windows are seen.
Nanos TimeToShow(const ChosenPolicy& policy);

}  // namespace sluice::sim
