// Chooses the server of a request: one server, the node of a cluster that owns its slot, or the
// master that sentinels name.
//
// A state machine like ServerSession. Input: requests, events and the time. Output: protocols
// to drive, deliveries and news. It owns no socket, thread or clock, and its only randomness is its
// seed. Not thread safe.
//
// Never sends a request twice that may have been executed: only a refused or unwritten request goes
// to another server. Replicas get no checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/completion_queue.h"
#include "redis/retry_queue.h"
#include "redis/server_session.h"
#include "redis/server_set.h"
#include "redis/stats.h"
#include "redis/topology_query.h"

namespace sluice::redis {

class Router {
 public:
  struct Options {
    ServerSession::Options session;  ///< but for its endpoint, `routed` and `by_slot`
    TopologyQuery::Options query{};
  };

  struct Member {
    std::string address;  ///< without credentials
    std::shared_ptr<ServerSession> session;
  };

  /// News of one server.
  struct News {
    std::string address;
    std::vector<BreakerState> states;  ///< its breaker's, in order; closed when it is asked no more
    std::vector<Warning> warnings;     ///< that did not hold before
  };

  static std::unique_ptr<Router> Make(const ServerSet& set, const Options& options,
                                      std::uint64_t seed, Nanos now);
  virtual ~Router() = default;
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // ---- In. `now` never decreases and is on the clock of the requests' deadlines.

  /// Takes requests over; they are moved from.
  virtual void Submit(std::span<Request> requests, Nanos now) = 0;
  /// Call after driving the protocols.
  virtual void Advance(Nanos /*now*/) {}
  /// Call when NextTime() has come, after all available bytes have been passed in.
  void OnTime(Nanos now);
  /// Call when Options::session.metadata has new entries.
  void PublishMetadata(Nanos now);
  /// Answers everything with kClosed. Afterwards only TakeDeliveries may be called.
  void Close();

  // ---- Out.

  /// The protocols to drive. One that is no longer listed must be dropped with its connection.
  const std::vector<std::shared_ptr<Protocol>>& protocols() const { return protocols_; }
  /// Changes whenever protocols() or members() does.
  std::uint64_t version() const { return version_; }
  /// The time for OnTime; kNever if there is none.
  Nanos NextTime();
  std::vector<Delivery> TakeDeliveries();
  /// `wall`: see ServerSession::TakeWarnings; needed if has_warnings. An entry may only mean that
  /// old warnings no longer hold.
  std::vector<News> TakeNews(Nanos wall);
  bool has_warnings();
  /// The servers that receive requests.
  const std::vector<Member>& members() const { return members_; }
  /// Counts of requests that reached no server, or a former one.
  const SessionStats& others() const { return others_; }
  /// Requests that are written, or about to be, without a reply.
  std::size_t requests_in_flight();
  /// Indices of the members() whose statistics may have changed since the last call, each once.
  std::vector<std::size_t> TakeChangedMembers();
  /// How often a protocol was looked at. It is, after it was driven, and not on each call.
  std::uint64_t looks() const { return looks_; }

 protected:
  Router(Options options, std::uint64_t seed) : options_(std::move(options)), random_(seed) {}

  /// `session`: like options_, except for its routing.
  std::shared_ptr<ServerSession> AddSession(const Endpoint& endpoint,
                                            ServerSession::Options session, Nanos now);
  /// Precondition: the session is idle, or closed.
  void RemoveSession(const std::shared_ptr<ServerSession>& session);
  void SetProtocols(std::vector<std::shared_ptr<Protocol>> protocols);

  /// News of a server without a session.
  void Warn(const Endpoint& server, Warning warning);

  /// Answers a request that is not in a session.
  void Fail(Request& request, Fault fault, std::string_view why);
  /// The same, or keeps it in waiting_ until `due`.
  void FailOrWait(Request&& request, Fault fault, std::string_view why, Nanos due);
  /// Fails the checks and peeks that wait to be called.
  void FailChecksThatWait(Fault fault, std::string_view why);
  /// Removes from waiting_ all requests that are due or late.
  std::vector<Request> TakeDue(Nanos now);
  /// Removes the requests that wait to be called.
  std::vector<Request> TakeUncalled();

  /// The time at which Advance is needed although no protocol's time has come.
  virtual Nanos OwnTime() const { return kNever; }

  /// Sessions that were driven since the last call, each once.
  std::vector<ServerSession*> TakeDriven();

  Nanos Between(Nanos least, Nanos most);  ///< at random

  const Options options_;
  std::mt19937_64 random_;
  RetryQueue waiting_;

 private:
  // The last known state of a protocol or a member's session.
  struct Known {
    ServerSession* session = nullptr;  // of a member
    std::size_t member = 0;            // its index
    bool driven = false;               // is in driven_sessions_
    bool changed = false;              // is in changed_
    bool timed = false;                // is one of protocols_
    Nanos time = kNever;               // then its NextTime
    std::size_t in_flight = 0;
  };

  void LookAtDriven();
  void Schedule(Protocol& protocol, Known& known, Nanos time);
  void Forget(Protocol& protocol);

  SessionStats others_;
  std::vector<Member> members_;
  std::vector<std::shared_ptr<Protocol>> protocols_;
  std::uint64_t version_ = 0;
  CompletionQueue completions_;
  std::vector<Delivery> deliveries_;  // of sessions
  std::vector<News> last_news_;       // of removed sessions, and Warn's

  std::vector<Protocol*> reports_;  // driven since they were last looked at
  std::map<Protocol*, Known> known_;
  std::set<std::pair<Nanos, Protocol*>> times_;  // none is kNever
  std::vector<ServerSession*> driven_sessions_;
  std::vector<Protocol*> changed_;
  std::set<std::size_t> news_;  // indices of members that have some
  std::size_t in_flight_ = 0;
  std::uint64_t looks_ = 0;
};

}  // namespace sluice::redis
