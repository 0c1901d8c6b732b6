// Output of a run without a window: summary.json and timeline.csv.
#pragma once

#include <filesystem>
#include <string>

#include "core/time.h"
#include "model/scenario.h"

namespace sluice::sim {

/// Runs the scenario from 0 to `duration` and writes two files to `directory`. Creates it if
/// necessary, and replaces older files with these names. The same scenario and duration give the
/// same bytes. On failure returns false, with the path and the system's reason in `error`.
///
/// timeline.csv has one row per request, in order, and the same columns for every algorithm:
///   time_ns         virtual time of the request
///   caller          the limited key
///   cost            units of the request
///   allowed         true or false
///   used_before     units of the limit in use just before (6 decimal places; above it: in debt)
///   used_after      and just after; a token bucket then holds capacity - used_after tokens
///   remaining       the largest cost that would be admitted after the request
///   retry_after_ns  0 when allowed, else the least wait; "never" above the limit
///   reset_after_ns  until the caller equals a new one, if nothing else comes
///   delay_ns        the delay by a shaping leaky bucket; else 0
///   held_ns         the time for which it keeps its slot under a concurrency policy; else 0
/// summary.json has the parameters, the seed, totals and rates for all and by caller, and the
/// meaning of these columns.
bool WriteReport(const Scenario& scenario, Nanos duration, const std::filesystem::path& directory,
                 std::string& error);

}  // namespace sluice::sim
