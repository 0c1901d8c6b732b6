// What goes to Redis and what comes back: a check as a value, and where its answer is delivered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "core/time.h"
#include "redis/keys.h"

namespace sluice::redis {

/// The policies of one limiter and the names that their states have in Redis. Immutable.
class PolicySet {
 public:
  /// Preconditions: 1 to kMaxPolicies policies with distinct names. `prefix` may be any bytes; what
  /// could alter the hash tag is escaped (redis/keys.h).
  PolicySet(std::vector<Policy> policies, std::string_view prefix);

  const std::vector<Policy>& policies() const { return policies_; }
  std::size_t size() const { return policies_.size(); }
  /// Policy i's state of a key is named head() + EscapedKey(key) + tail(i).
  std::string_view head() const { return head_; }
  std::string_view tail(std::size_t i) const { return tails_[i]; }

 private:
  std::vector<Policy> policies_;
  std::string head_;
  std::vector<std::string> tails_;
};

/// Why a request got no answer.
enum class Fault : std::uint8_t {
  kNone,
  kTimeout,      ///< its deadline passed; whether it was charged is unknown
  kUnavailable,  ///< no connection, or it was lost before the answer came
  kRefused,      ///< the server turned the connection away: password, database, still loading
  kServer,       ///< the server answered with an error: OOM, READONLY, WRONGTYPE, NOPERM ...
  kForeign,      ///< the key holds something that Sluice did not write; it was left alone
  kProtocol,     ///< the answer was not one that the script can give
  kClosed,       ///< the client was let go before the answer came
};

/// "timeout" and so on; static text.
std::string_view FaultName(Fault fault);

/// One finished request.
struct Completion {
  std::uint64_t ticket = 0;  ///< as submitted
  Fault fault = Fault::kNone;
  /// Whether an admitted kCheck took anything from its buckets. Set when `fault` is kNone.
  bool charged = false;
  /// For a person; empty without a fault. Never holds a password.
  std::string detail;
  /// Per policy, the backlog before the call: what DecideTats (core/policy.h) makes decisions of.
  /// Zeros for a reset. Set when `fault` is kNone.
  std::array<Nanos, kMaxPolicies> backlogs{};
};

/// Where answers go.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Called on the I/O thread with one or more finished requests, which may be moved from. Must
  /// neither block nor throw, and may submit more. The last reference to a sink may be let go on
  /// the I/O thread, so its destructor may run there.
  virtual void Deliver(std::span<Completion> completions) = 0;
};

/// A question to Redis. Every request submitted is answered exactly once, by its deadline plus
/// scheduling at the latest.
struct Request {
  enum class Kind : std::uint8_t {
    kCheck,  ///< decide and charge
    kPeek,   ///< decide only; writes nothing
    kReset,  ///< forget the key under these policies
  };

  Kind kind = Kind::kCheck;
  std::shared_ptr<const PolicySet> set;
  /// Who is limited.
  EscapedKey key;
  /// One per policy of `set`, 0 <= cost < 2^31. Ignored by kReset.
  std::array<std::int64_t, kMaxPolicies> costs{};
  /// On CLOCK_MONOTONIC (MonotonicClock of the store). When it passes, the answer is kTimeout.
  Nanos deadline{0};
  /// Handed back in the completion.
  std::uint64_t ticket = 0;
  std::shared_ptr<Sink> sink;  ///< not null
};

}  // namespace sluice::redis
