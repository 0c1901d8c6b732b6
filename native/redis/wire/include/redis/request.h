// A request to Redis as a value, and the sink of its answer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/operation.h"
#include "core/policy.h"
#include "core/repeat.h"
#include "core/time.h"
#include "redis/keys.h"
#include "redis/per_policy.h"

namespace sluice::redis {

/// The policies of one limiter and the names that their states have in Redis. Immutable.
class PolicySet {
 public:
  /// Preconditions: 1 to kMaxPolicies policies with distinct names. `prefix` may be any bytes;
  /// bytes that could alter the hash tag are escaped (redis/keys.h).
  PolicySet(std::vector<Policy> policies, std::string_view prefix);

  const std::vector<Policy>& policies() const { return policies_; }
  std::size_t size() const { return policies_.size(); }
  /// Whether all are IsPlainTat.
  bool plain() const { return plain_; }

 private:
  friend void AppendStateName(const struct Request& request, std::size_t policy, std::string& out);
  friend void AppendIdName(const struct Request& request, std::string& out);

  std::vector<Policy> policies_;
  bool plain_;
  std::string head_;                // "<prefix>:{"
  std::vector<std::string> tails_;  // "}:<policy>:<state tag>"
};

/// Options that few requests have. Immutable once submitted.
struct Details {
  /// A key for each policy, instead of Request::key. Empty: that one for all.
  std::vector<EscapedKey> keys;
  /// The text between the braces of all names, so that they share a cluster's slot; the keys then
  /// follow the policy's name (redis/keys.h). Not set: the keys themselves.
  std::optional<EscapedKey> shard;
  /// kCheck, kPeek, kAbort: another limit per policy.
  Limits limits = kOwnLimits;
  /// kCheck, kPeek: see Judge.
  Nanos max_wait = kNoWait;
  /// kCredit: the marks of the charges (Decision::mark). Not set: any charge.
  std::optional<std::array<std::int64_t, kMaxPolicies>> marks;
  /// kCheck: the holder of the slots that concurrency policies grant. kRelease, kRenew: the holder
  /// of the slots in question. 1 to 64 characters of 0-9 a-z. Required with such a policy.
  std::string holder;
  /// kCheck, kDebit, kCredit: the server remembers the operation by it for kIdLife (core/repeat.h),
  /// so that it can be sent twice. A hash (AppendDigest) of all that distinguishes ids besides
  /// prefix and key. kAbort: the id of the check, which is forgotten. kRelease: the id of an
  /// unanswered check, with its `holder`; its slots are released unless a repeat may have reported
  /// them. Empty: none. A check's `holder` must then be 32 hexadecimal digits.
  std::string id;
  /// With an id: a hash of the same kind, of all arguments under it.
  std::string print;
  /// kBlock: the duration, 1 us to kLongestSpan. kBlock, kUnblock: the policies, one bit each.
  Nanos block_for{0};
  std::uint32_t which = 0;
};

/// The reason why a request got no answer.
enum class Fault : std::uint8_t {
  kNone,
  kTimeout,      ///< its deadline passed; whether it was charged is unknown
  kOverload,     ///< not sent: too much waits before it for an answer in time
  kUnavailable,  ///< no connection, or it was lost before the answer came
  kRefused,      ///< the server turned the connection away: password, database, still loading
  kServer,       ///< the server answered with an error: OOM, READONLY, WRONGTYPE, NOPERM ...
  kForeign,      ///< the key holds a value that Sluice did not write; it was left alone
  kProtocol,     ///< the answer was not one that the script can give
  kClosed,       ///< the client was let go before the answer came
  kCrossSlot,    ///< its keys are in different slots of a cluster: a mistake of who asks
};

/// "timeout" and so on; static text.
std::string_view FaultName(Fault fault);

/// The first decision of a check that was repeated under its id.
struct Repeat {
  Micros at{0};            ///< when it was charged
  PolicyBits charged = 0;  ///< by which policies
  PolicyBits again = 0;    ///< of these, the ones that are asked again: their slots were gone
  HolderId holder;         ///< who holds the slots of those that give some
  Readings readings;       ///< before it was charged, without blocks
};

/// One finished request.
struct Completion {
  std::uint64_t ticket = 0;  ///< as submitted
  Fault fault = Fault::kNone;
  /// For a person; empty without a fault. Never holds a password.
  std::string detail;
  /// kRelease, kRenew: whether the holder still had all of its slots. kAbort: false if some policy
  /// kept its charge because others wait behind it.
  bool done = false;
  /// Nothing was done: the id was charged for something else.
  bool id_reused = false;
  /// kCheck: not null if it was charged before under its id. `readings` are then the current ones.
  std::shared_ptr<const Repeat> repeat;
  /// The server's time, since 1970.
  Micros at{0};
  /// kCheck, kPeek: the state of each policy before the call, the input of its decision. One for
  /// each policy, if `fault` is kNone.
  Readings readings;
};

/// Where answers go.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Called on the I/O thread with one or more finished requests, which may be moved from. Must
  /// neither block nor throw, and may submit more. The last reference to a sink may be released on
  /// the I/O thread, so its destructor may run there.
  virtual void Deliver(std::span<Completion> completions) = 0;
};

/// A request to Redis. Every submitted request is answered exactly once, at the latest at its
/// deadline plus scheduling.
struct Request {
  using Kind = Operation::Kind;

  /// The router's own notes, and the meaning of a cluster's redirections.
  struct Route {
    std::uint16_t slot = 0;
    std::uint8_t redirects = 0;  ///< how often a node has sent it elsewhere
    bool alone = false;          ///< not together with others of its slot, which is being moved
    bool asking = false;         ///< the node that is asked does not own the slot yet
  };

  Kind kind = Kind::kCheck;
  Route route;
  std::shared_ptr<const PolicySet> set;
  /// The key, under all policies.
  EscapedKey key;
  /// One per policy of `set`, 0 <= cost < 2^31. For kCheck, kPeek, kDebit, kCredit, kAbort.
  Costs costs;
  /// Null: no options.
  std::shared_ptr<const Details> details;
  /// On CLOCK_MONOTONIC (MonotonicClock of the store). When it passes, the answer is kTimeout.
  Nanos deadline{0};
  /// Handed back in the completion.
  std::uint64_t ticket = 0;
  std::shared_ptr<Sink> sink;  ///< not null
  /// The time of the call, on the deadline's clock; 0: when it was submitted. For statistics.
  Nanos asked{0};
};

/// Appends the name of the state that the request's key has under a policy (redis/keys.h).
void AppendStateName(const Request& request, std::size_t policy, std::string& out);

/// Whether the request has an id for the server.
bool NamesId(const Request& request);

/// Appends the name under which the request's id is kept. Precondition: NamesId.
void AppendIdName(const Request& request, std::string& out);

}  // namespace sluice::redis
