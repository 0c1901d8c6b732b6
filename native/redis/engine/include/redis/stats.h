// Statistics of requests to Redis.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace sluice::redis {

/// See redis/breaker.h.
enum class BreakerState : std::uint8_t { kClosed = 0, kOpen = 1, kHalfOpen = 2 };

/// "closed", "open", "half-open"; static text.
std::string_view BreakerStateName(BreakerState state);

/// Counts since the session was made, except for those marked as current.
struct SessionStats {
  bool connected = false;                        ///< now: ready for checks
  BreakerState breaker = BreakerState::kClosed;  ///< now
  std::uint64_t submitted = 0;                   ///< requests
  std::uint64_t completed = 0;                   ///< requests answered, faults included
  std::uint64_t timeouts = 0;                    ///< of these, by their deadline
  std::uint64_t shed = 0;              ///< of these, at once, as they would have missed it
  std::uint64_t faults = 0;            ///< of these, by any other fault
  std::uint64_t retries = 0;           ///< times that a request was written again
  std::uint64_t batches = 0;           ///< commands written with requests inside
  std::uint64_t batched = 0;           ///< requests in them
  std::uint64_t largest_batch = 0;     ///< requests in the largest of them
  std::uint64_t reconnects = 0;        ///< connections made ready, but for the first
  std::uint64_t script_reloads = 0;    ///< times the server had forgotten the script
  std::uint64_t breaker_openings = 0;  ///< times that the breaker left closed
  std::uint64_t queue_depth = 0;       ///< now: requests waiting to be written
};

/// The time from a check's or peek's call to its answer, from any source.
struct Latency {
  Nanos p50{0};
  Nanos p99{0};
  Nanos p999{0};
};

/// Problems of a server that answers (see redis/health_check.h), or of its use.
enum class WarningCode : std::uint8_t {
  kEvictingPolicy,
  kReplica,
  kClock,
  kNoPassword,
  kPolicyClash,  ///< see redis/metadata.h
};

/// "evicting-policy", "replica", "clock", "no-password", "policy-clash"; static text.
std::string_view WarningName(WarningCode code);

struct Warning {
  WarningCode code;
  std::string detail;  ///< for people
};

/// Receives news from servers. `address`: without credentials. Must neither block nor throw.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// A breaker changed. Called on the I/O thread.
  virtual void OnBreaker(std::string_view address, BreakerState state) = 0;
  /// A new warning, once until it went away. Called on the I/O thread, and by Watch for current
  /// ones.
  virtual void OnWarning(std::string_view address, const Warning& warning) = 0;
};

/// Statistics of one server.
struct NodeStats {
  std::string address;  ///< without credentials
  SessionStats session;
  Latency latency;
  std::vector<Warning> warnings;  ///< as of the last connection
};

}  // namespace sluice::redis
