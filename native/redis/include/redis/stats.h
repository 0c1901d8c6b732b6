// What a link has done so far.
#pragma once

#include <cstdint>

namespace sluice::redis {

/// Counts since the link was made, but for `connected` and `queue_depth`, which are of now.
struct LinkStats {
  bool connected = false;            ///< ready for checks
  std::uint64_t submitted = 0;       ///< requests
  std::uint64_t completed = 0;       ///< requests answered, faults included
  std::uint64_t timeouts = 0;        ///< of these, by their deadline
  std::uint64_t faults = 0;          ///< of these, by any other fault
  std::uint64_t batches = 0;         ///< commands written with requests inside
  std::uint64_t largest_batch = 0;   ///< requests in the largest of them
  std::uint64_t reconnects = 0;      ///< connections made ready, but for the first
  std::uint64_t script_reloads = 0;  ///< times the server had forgotten the script
  std::uint64_t queue_depth = 0;     ///< requests waiting to be written
};

}  // namespace sluice::redis
