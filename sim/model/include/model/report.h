// A run without a window: summary.json and timeline.csv.
#pragma once

#include <filesystem>
#include <string>

#include "core/time.h"
#include "model/scenario.h"

namespace sluice::sim {

/// Runs the scenario from 0 to `duration` and writes two files to `directory`, which is made if it
/// is not there; older files of these names are replaced. The same scenario and duration give the
/// same bytes. False on failure, with the path and the system's reason in `error`.
///
/// timeline.csv, one row a request, in order; the same columns for every algorithm:
///   time_ns         virtual time of the request
///   caller          the key that was limited
///   cost            units asked for
///   allowed         true or false
///   used_before     units of the limit in use just before (6 decimal places; above it: in debt)
///   used_after      and just after; a token bucket then holds capacity - used_after tokens
///   remaining       the largest cost that would then have been admitted
///   retry_after_ns  0 when allowed, else the least wait; "never" above the limit
///   reset_after_ns  until the caller equals one never seen, if nothing else comes
///   delay_ns        how long a shaping leaky bucket holds it back; else 0
///   held_ns         how long it keeps its slot under a concurrency policy; else 0
/// summary.json: the parameters, the seed, totals and rates for all and by caller, and the meaning
/// of these columns.
bool WriteReport(const Scenario& scenario, Nanos duration, const std::filesystem::path& directory,
                 std::string& error);

}  // namespace sluice::sim
