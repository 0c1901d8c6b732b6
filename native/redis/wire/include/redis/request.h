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
#include <utility>
#include <vector>

#include "core/operation.h"
#include "core/policy.h"
#include "core/replay.h"
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
  friend void AppendClosedName(const struct Request& request, std::string& out);

  std::vector<Policy> policies_;
  bool plain_;
  std::string head_;                // "<prefix>:{"
  std::vector<std::string> tails_;  // "}:<policy>:<state tag>"
};

/// The keys of a request that has more than one, or a shard.
struct KeyList {
  /// One per policy, instead of Request::key. Empty: that one for all.
  std::vector<EscapedKey> each{};
  /// The text between the braces of all names, so that they share a slot of a cluster; the keys
  /// then follow the policy's name (redis/keys.h). Not set: the keys themselves.
  std::optional<EscapedKey> shard{};
};

/// An idempotency key as Redis is given it: digests by AppendDigest.
struct IdDigests {
  std::string name;         ///< of the id and its scope, besides prefix and key
  std::string fingerprint;  ///< of the costs, limits and plan charged under it
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
  kClosed,       ///< the backend was released before the answer came
  kCrossSlot,    ///< its keys are in different slots of a cluster: the caller's mistake
};

/// "timeout" and so on; static text.
std::string_view FaultName(Fault fault);

/// The first decision of a check that was repeated under its id.
struct Replay {
  Micros at{0};            ///< when it was charged
  PolicyBits charged = 0;  ///< by which policies
  PolicyBits again = 0;    ///< of these, the ones to check again: their slots were gone
  HolderId holder;         ///< the holder of the slots, where policies grant some
  Readings readings;       ///< before it was charged, without blocks
};

class Sink;

/// An operation on its way to Redis. Every request submitted is answered exactly once, by its
/// deadline plus scheduling at the latest.
struct Request : Operation {
  /// The router's notes on a cluster's request.
  struct Route {
    std::uint16_t slot = 0;
    std::uint8_t redirects = 0;  ///< how often a node has sent it elsewhere
    bool alone = false;          ///< not together with others of its slot, which is being moved
    bool asking = false;         ///< the node that is asked does not own the slot yet
    bool ledgers = false;        ///< the script has to settle reservations that expired
  };

  Route route;
  std::shared_ptr<const PolicySet> set;
  /// The key under all policies.
  EscapedKey key;
  /// Null: `key` alone.
  std::shared_ptr<const KeyList> keys;
  /// The digests of Options::id. Null: none. kCheck, kDebit, kCredit: the server knows for kIdLife
  /// (core/replay.h) that it was done, so it can be sent twice. kAbort: of the check, which is
  /// forgotten. kRelease: of an unanswered check, with its holder; its slots are released unless
  /// a replay may have reported them.
  std::shared_ptr<const IdDigests> digests;
  /// On CLOCK_MONOTONIC (MonotonicClock of the store). When it passes, the answer is kTimeout.
  Nanos deadline{0};
  /// For the sink, which gets them back in Finished::request.
  std::uint64_t ticket = 0;
  std::uint64_t changes_seen = 0;
  std::shared_ptr<Sink> sink;  ///< not null
  /// When it was asked, on the deadline's clock; 0: when it was submitted. For statistics.
  Nanos asked{0};
};

/// The answer to an operation on a reservation.
struct HoldReply {
  HoldOutcome outcome = HoldOutcome::kOk;
  bool repeated = false;  ///< kReserve: it was open already
  PolicyBits spent = 0;   ///< kCheckpoint
  PolicyBits held = 0;    ///< kExtend: the policies with an estimate
  /// One per policy. kExtend: the estimates before the call. Otherwise the charges of a closed one.
  std::array<std::int64_t, kMaxPolicies> units{};
};

/// The outcome of a request.
struct Completion {
  Fault fault = Fault::kNone;
  /// For a person; empty without a fault. Never holds a password.
  std::string detail;
  /// kRelease, kRenew: whether the holder still had all of its slots. kAbort: false if some policy
  /// kept its charge because others wait behind it.
  bool done = false;
  /// Nothing was done: the id was charged for something else.
  bool id_reused = false;
  /// Not null for an operation on a reservation.
  std::shared_ptr<const HoldReply> hold;
  /// Nothing was done: the script has to be given the ledgers (Route::ledgers).
  bool needs_ledgers = false;
  /// kCheck: not null if it was charged before under its id. `readings` are then the current ones.
  std::shared_ptr<const Replay> replay;
  /// The server's time, since 1970.
  Micros at{0};
  /// kCheck, kPeek: the state of each policy before the call, the input of its decision. One for
  /// each policy, if `fault` is kNone.
  Readings readings;
};

/// A finished request, on its way to its sink.
struct Finished {
  Finished(Request&& its_request, Completion&& its_completion)
      : request(std::move(its_request)), completion(std::move(its_completion)) {}

  Request request;  ///< as submitted, without its sink
  Completion completion;
};

/// Where answers go.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Called on the I/O thread with one or more finished requests, which may be moved from. Must
  /// neither block nor throw, and may submit more. The last reference to a sink may be released on
  /// the I/O thread, so its destructor may run there.
  virtual void Deliver(std::span<Finished> finished) = 0;
};

/// Appends the name of the state that the request's key has under a policy (redis/keys.h).
void AppendStateName(const Request& request, std::size_t policy, std::string& out);

/// Appends the name of the reservations beside that state.
void AppendLedgerName(std::string_view state, std::string& out);

/// Appends the name under which the request's reservation is remembered once it is closed.
void AppendClosedName(const Request& request, std::string& out);

/// Appends a holder as 32 hexadecimal digits.
void AppendHolder(HolderId holder, std::string& out);

/// Whether the request has an id for the server.
bool NamesId(const Request& request);

/// Appends the name under which the request's id is kept. Precondition: NamesId.
void AppendIdName(const Request& request, std::string& out);

}  // namespace sluice::redis
