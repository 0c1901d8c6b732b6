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
/// More detail, where there is room: "one token every 100 ms". May be empty.
std::string DescribeDetail(const ChosenPolicy& policy);
/// The title of the picture of its state: "Tokens in the bucket".
std::string DescribePicture(const ChosenPolicy& policy);

/// The rate admitted in the long run, in units a second; none if it depends on the calls.
std::optional<double> PacePerSecond(const ChosenPolicy& policy);
/// The name of that rate: "refill", "leak", "limit".
std::string_view PaceName(AlgorithmKind kind);
/// "tokens" or "units".
std::string_view UnitsOf(AlgorithmKind kind);

/// The length of the policy's window; 0 if it has none.
Nanos WindowOf(const ChosenPolicy& policy);
/// The time span that charts should show, so that a few windows are visible.
Nanos TimeToShow(const ChosenPolicy& policy);

}  // namespace sluice::sim
