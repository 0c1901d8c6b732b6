// Requests through a client that is not ours (ioredis, node-redis ...), as a state machine:
// requests, replies and the time go in; commands for the client and finished requests come out.
//
// It owns no socket, thread or clock, and its only randomness is the seed it is given, so that
// tests can drive it. Not thread safe.
//
// What differs from a link (redis/link.h)
//   * The client connects, reconnects, queues and, on a cluster, finds the node. Commands may be
//     answered in any order, or never.
//   * A lane is what goes the same way: all requests, or, on a cluster, those of one slot. Each has
//     its own batches under way.
//   * The breaker is of the node that has the lane's slot, by what the client knows: one that is
//     down holds up its own slots alone, and is found out once for all of them. A node that nobody
//     asked for `lost_after` is forgotten, as it may have left.
//   * A client may keep a command for ever, and execute it long after its deadline. While the
//     breaker is open, no more than `max_owed` commands of a lane are left with it.
//   * What the client says it could not do may have been executed: only what can be repeated is
//     asked again.
//   * What a node refuses because the slot is being moved, and the client hands on, is asked again
//     after a moment, each request alone, until its deadline.
//   * What limiters say of themselves (redis/notices.h) is put up behind replies: only then is the
//     client known to be connected.
//   * When the server does not know the script, or refuses EVALSHA, the batch is sent again with
//     the script's text. That needs no command for a node, which a cluster's client may not have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "redis/breaker.h"
#include "redis/error_reply.h"
#include "redis/latency_histogram.h"
#include "redis/notices.h"
#include "redis/outbox.h"
#include "redis/pace.h"
#include "redis/reply.h"
#include "redis/request.h"
#include "redis/request_rules.h"
#include "redis/script.h"
#include "redis/stats.h"

namespace sluice::redis {

class Relay {
 public:
  struct Options {
    bool cluster = false;  ///< a command's keys have to share a slot
    /// Of a cluster: a number of the node that has a slot now, by what the client knows; without it
    /// each slot is taken for a node of its own.
    std::function<std::uint32_t(std::uint16_t slot)> node_of{};
    std::size_t max_batch = kMaxBatch;
    /// Per lane; see Link::Options.
    std::size_t max_under_way = 2;
    std::size_t max_full_under_way = 32;
    std::size_t max_owed = 4;
    /// The client will never answer what it has not answered for so long.
    Nanos lost_after = std::chrono::seconds(60);
    Breaker::Options breaker{};
    std::shared_ptr<NoticeBoard> notices = nullptr;  ///< to put up; null: none
  };

  /// A command for the client.
  struct Command {
    std::uint64_t id = 0;             ///< comes back with the reply
    std::string_view name;            ///< in lower case
    std::vector<std::string> pieces;  ///< its arguments, in ASCII
    std::size_t first_key = 0;        ///< in `pieces`
    Nanos deadline{0};                ///< nobody waits longer
  };

  Relay(Options options, std::uint64_t seed);

  // ---- In. `now` never decreases and is on the clock of the requests' deadlines.

  /// Takes requests over; they are moved from.
  void Submit(std::span<Request> requests, Nanos now);
  /// The reply to a command, errors of the server included.
  void OnReply(std::uint64_t id, const Reply& reply, Nanos now);
  /// The client has given the command up. `why` is for people and holds no secrets.
  void OnLost(std::uint64_t id, std::string_view why, Nanos now);
  /// Call when NextTime() has come, after the replies that are there have been handed in.
  void OnTime(Nanos now);
  /// Answers everything with kClosed. Nothing else may be called afterwards but TakeDeliveries.
  void Close();

  // ---- Out.

  /// In the order in which they are to be sent.
  std::vector<Command> TakeCommands();
  /// When OnTime has to be called; kNever if it need not.
  Nanos NextTime() const;
  std::vector<Delivery> TakeDeliveries() { return outbox_.Take(); }
  /// The breaker is the worst of all nodes'.
  LinkStats stats() const;
  /// Its states since the last call, in order.
  std::vector<BreakerState> TakeBreakerChanges();
  /// Policies that clash (redis/notices.h): since the last call, and all.
  std::vector<Warning> TakeWarnings() { return notices_.TakeNews(); }
  const std::vector<Warning>& warnings() const { return notices_.warnings(); }
  const LatencyHistogram& latency() const { return latency_; }

 private:
  struct Node {
    Node(const Breaker::Options& options, std::mt19937_64& random) : breaker(options, random) {}

    Breaker breaker;
    Nanos used{0};                              // when something was last asked of it
    std::uint64_t missed = 0;                   // the last batch that it did not answer in time
    BreakerState seen = BreakerState::kClosed;  // see Observe
  };

  struct Lane {
    explicit Lane(std::uint16_t the_slot) : slot(the_slot) {}

    const std::uint16_t slot;
    Node* node = nullptr;  // that had the slot when it was last asked for
    std::deque<Request> queue;
    Pace pace;
    std::size_t live = 0;           // commands under way that someone waits for
    std::size_t live_requests = 0;  // in them
    std::size_t owed = 0;           // commands under way that nobody waits for
    std::uint64_t batch = 0;        // the last one sent
    Nanos hold_until{0};            // the slot is being moved
  };

  struct UnderWay {
    Lane* lane = nullptr;
    Node* node = nullptr;
    std::vector<Request> requests;  // an answered one has no sink
    Nanos sent{0};
    std::uint64_t batch = 0;  // of the node: lanes' commands that go out together have one number
    bool whole = false;       // with the script's text
    bool overdue = false;     // the breaker knows that it was not answered in time
    bool abandoned = false;   // nobody waits for it
  };

  // Timers so late mean that this process ran too seldom for a missed deadline to say anything of
  // the server.
  static constexpr Nanos kLate = std::chrono::milliseconds(50);

  Lane& LaneOf(std::uint16_t slot, Nanos now);
  bool Divert(Lane& lane, Request& request, Nanos now);
  bool IsLate(const Lane& lane, Nanos deadline, std::size_t ahead, Nanos now) const;
  bool KeepsTooMuch(const Lane& lane) const;
  bool MayProbe(const Lane& lane, Nanos now);
  void Forget(Nanos now);
  void ForgetNodes(Nanos now);
  void Pump(Lane& lane, Nanos now);
  void SendBatch(Lane& lane, std::size_t most, Nanos now);
  void Send(Lane& lane, std::vector<Request> requests, bool whole, Nanos now);

  UnderWay Take(std::map<std::uint64_t, UnderWay>::iterator at, Nanos now);
  void OnBatchReply(UnderWay&& command, const Reply& reply, Nanos now);
  void OnError(UnderWay& command, std::string_view error, Nanos now);
  void OnChecksReply(UnderWay& command, const Reply& reply, Nanos now);
  void OnResetReply(UnderWay& command, const Reply& reply, Nanos now);
  void AskAgain(const UnderWay& command, std::span<Request> requests, std::string_view why,
                Remedy remedy, Nanos now);
  void AskAlone(const UnderWay& command, std::span<Request> requests, Nanos now);
  Remedy RemedyHere(std::string_view error) const;
  void Requeue(Lane& lane, std::vector<Request>&& requests);
  Request GiveBack(Request check, Nanos now);

  void NoteReply(const UnderWay& command, Nanos now);
  void NoteFailure(Node& node, std::uint64_t batch, Fault fault, std::string_view why, Nanos now);
  void NoteProbeReturned(Node& node, Nanos now);
  void Trip(Node& node, std::string_view why, Nanos now);
  void FailChecksThatWait(const Node& node);
  void Expire(Nanos now, bool late);
  bool ExpireUnderWay(UnderWay& command, Nanos now);
  bool ExpireQueue(Lane& lane, Nanos now);
  void Settle(Lane& lane, Nanos now);
  void PutUpNotices(Nanos now);
  void Observe(Lane& lane);
  void Observe(Node& node);
  void Count(Node& node, BreakerState state);
  BreakerState WorstBreaker() const;

  void Finish(Request& request, Completion&& completion);
  void Fail(Request& request, Fault fault, std::string_view why);

  const Options options_;
  const std::string sha_;
  std::string refusal_;  // the last refusal of EVALSHA
  std::mt19937_64 random_;
  Nanos now_{0};  // of the last call

  std::map<std::uint32_t, Node> nodes_;
  std::map<std::uint16_t, Lane> lanes_;  // by slot: those with something to do
  // Those who have an hour to wait for, as NextTime is asked for with every batch.
  std::set<Lane*> waiting_;  // their nodes' breakers are not closed
  std::set<Node*> probed_;   // their breakers are half-open
  std::uint64_t turns_ = 0;  // calls
  std::uint64_t ids_ = 0;
  std::map<std::uint64_t, UnderWay> under_way_;
  Nanos first_deadline_ = kNever;  // no request's deadline is earlier
  Nanos first_hold_ = kNever;      // no lane's hold ends earlier
  std::vector<Command> commands_;
  NoticeRound notices_;
  std::uint64_t notice_id_ = 0;  // the command's that puts the current one up
  ScriptCall call_;

  Outbox outbox_;
  LinkStats stats_;
  std::array<std::size_t, 3> breakers_{};  // nodes by Node::seen
  std::vector<BreakerState> changes_;
  LatencyHistogram latency_;
};

}  // namespace sluice::redis
