// Requests on their way to servers and back: queues, batches in flight, deadlines, circuit
// breakers, retries and statistics.
//
// A session owns a pipeline and carries its commands, over a connection of ours (ServerSession) or
// through the user's client (ClientSession). Requests, replies and the time go in; commands for the
// session and finished requests come out. No socket, thread or clock, and no randomness but the
// seed. Not thread safe.
//
//   * A lane is a queue whose requests take the same way. A node has a breaker. A connection of
//     ours has one lane and one node; a client of a cluster has a lane for each slot.
//   * An idle lane sends at once. While `max_in_flight` batches are unanswered, requests gather,
//     and leave as one batch of up to `max_batch` requests. A full batch does not wait, until
//     `max_full_in_flight` are unanswered.
//   * Every request has its own deadline, wherever it is. A later answer is dropped, and a slot in
//     it is given back, unless a repeat of its id may have reported it.
//   * A breaker (redis/breaker.h) opens when batches in a row go unanswered, or when the session
//     reports that the server is unusable. While it is open, checks and peeks fail at once, with
//     the reason; all others wait until their deadline. One request is the probe that closes it.
//   * A check that would be answered too late, by the duration and the number of the batches before
//     it, fails at once (kOverload). So an overloaded server still answers in time.
//   * An error about the server rather than the request (redis/error_reply.h) opens the breaker.
//     Nothing was executed, so requests other than checks are sent again.
//   * A lost command fails, except for repeatable and unexecuted requests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/breaker.h"
#include "redis/completion_queue.h"
#include "redis/drain_estimate.h"
#include "redis/error_reply.h"
#include "redis/latency_histogram.h"
#include "redis/reply.h"
#include "redis/request.h"
#include "redis/request_rules.h"
#include "redis/script.h"
#include "redis/stats.h"

namespace sluice::redis {

class Pipeline {
 private:
  struct Lane;
  struct Node;

 public:
  struct Options {
    std::size_t max_batch = kMaxBatch;
    std::size_t max_in_flight = 2;  ///< batches of a lane
    /// The same for full batches: 4,096 checks per round trip, 100,000 a second at 40 ms of it.
    std::size_t max_full_in_flight = 32;
    /// Commands of a lane that stay with a client while the breaker is open.
    std::size_t max_abandoned = 4;
    /// A command without an answer for this long will never get one from the client.
    Nanos lost_after = std::chrono::seconds(60);
    Breaker::Options breaker{};
  };

  /// How a session carries commands.
  struct Transport {
    bool in_order = false;          ///< replies come in the order of the commands, or not at all
    bool lane_per_slot = false;     ///< a lane's requests share a slot
    bool command_per_slot = false;  ///< a batch leaves as one command for each slot
    std::string address{};          ///< stands before each error's text; empty: nothing does
  };

  /// A command in flight.
  struct Command {
    Lane* lane = nullptr;
    Node* node = nullptr;
    std::vector<Request> requests;  ///< an answered one has no sink
    Nanos sent{0};
    std::size_t waiting = 0;  ///< unanswered requests
    std::uint64_t batch = 0;  ///< of the node: commands sent together have one number
    bool last = true;         ///< of its batch
    bool by_text = false;     ///< with the script's text
    bool overdue = false;     ///< the breaker knows that it was not answered in time
    bool abandoned = false;   ///< all its requests were answered without it

    bool IsReset() const { return requests.front().kind == Request::Kind::kReset; }
  };

  /// The meaning of a server's error.
  struct Advice {
    Remedy remedy = Remedy::kGiveUp;
    std::string why;  ///< for people
  };

  /// Requests that a server refused to execute.
  struct Refusal {
    std::span<Request> requests;
    std::string_view error;  ///< the server's whole text
    Advice advice;           ///< not kGiveUp
    bool single = false;     ///< the command held one request
  };

  /// The reaction to an unknown script, or a refused EVALSHA.
  enum class ScriptStep : std::uint8_t {
    kSendText,  ///< send the batch again, with the script's text
    kHold,      ///< send it again after Resume
  };

  class Session {
   public:
    virtual ~Session() = default;
    /// Whether commands may be sent now.
    virtual bool CanSend() const { return true; }
    /// Whether each batch goes with the script's text.
    virtual bool SendsText() const { return false; }
    /// The number of the node that has a slot now.
    virtual std::uint32_t NodeOf(std::uint16_t slot) const { return slot; }
    virtual void Send(std::uint64_t id, const Command& command, Nanos now) = 0;
    virtual ScriptStep OnUnknownScript(std::string_view error, bool refused, Nanos now) = 0;
    virtual Advice AdviceOn(const Command& command, std::string_view error) const = 0;
    virtual void OnRefused(const Command& command, const Refusal& refusal, Nanos now) = 0;
    /// The reply cannot belong to this command, whose requests have failed.
    virtual void OnNonsense(const Command& command, Nanos now) = 0;
    /// The reason why a request had to wait past its deadline.
    virtual std::string WhyStillQueued() const;
  };

  /// If timers are this late, the process did not run, and a missed deadline says nothing about the
  /// server.
  static constexpr Nanos kLate = std::chrono::milliseconds(50);
  static constexpr Nanos kFrozen = std::chrono::milliseconds(250);
  static constexpr std::string_view kNonsense = "the server sent an invalid reply";

  /// `random` and `session` must outlive it; `session` is not called before Submit.
  Pipeline(const Options& options, Transport transport, std::mt19937_64& random, Session& session);

  // ---- In. `now` never decreases and is on the clock of the requests' deadlines.

  /// Takes requests over; they are moved from.
  void Submit(std::span<Request> requests, Nanos now);
  /// The reply to a command. Nothing is sent before Pump.
  void OnReply(std::uint64_t id, const Reply& reply, Nanos now);
  /// A command got an answer that its requests cannot use: they fail.
  void FailCommand(std::uint64_t id, Fault fault, std::string_view why, Nanos now);
  /// A command may have been executed, and its reply will not come.
  void OnLost(std::uint64_t id, std::string_view why, Nanos now);
  /// The replies of all commands will not come; the commands from `unwritten` on were not executed.
  /// Returns whether a command was lost that the breaker does not know of.
  bool OnAllLost(std::uint64_t unwritten, std::string_view why, Nanos now);
  /// Call when NextTime() has come. `due`: the session's NextTime() before.
  void OnTime(Nanos now, Nanos due);
  /// Sends all that may be sent.
  void Pump(Nanos now);
  /// The session can send, for the first time or again.
  void Resume();
  /// Answers everything with kClosed. Afterwards only TakeDeliveries may be called.
  void Close();

  // A session's reactions to a refusal.

  /// Sends requests without a failure rule again and fails the rest; opens the breaker.
  void RetryLater(const Command& command, const Refusal& refusal, Nanos now);
  /// Sends each request again in its own command, after a moment: their slot is moving, so a node
  /// may have some of several keys.
  void RetryAlone(const Command& command, const Refusal& refusal, Nanos now);
  /// `count` requests leave unanswered, for another server.
  void Withdraw(std::size_t count);

  // For a command's node.

  /// The reply shows a working server: closes the breaker if it came in time.
  void OnAnswered(const Command& command, Nanos now);
  /// Counts one failure per batch, and none for a batch older than the last one counted.
  void OnFailure(const Command& command, Fault fault, std::string_view why, Nanos now);

  // For all nodes.

  void OnSignOfLife(Nanos now);
  void OnConnectionLost(std::string_view why, Nanos now);
  /// The server is unusable: opens the breakers.
  void Trip(Fault fault, std::string_view why, Nanos now);

  // ---- Out.

  Nanos NextTime() const;
  std::vector<Delivery> TakeDeliveries() { return completions_.Take(); }
  /// A number that no command has.
  std::uint64_t NewId() { return ++ids_; }
  /// Removes the unsent requests that satisfy `predicate`.
  template <typename Predicate>
  std::vector<Request> TakeQueued(Predicate predicate);
  /// Nothing is queued or in flight.
  bool idle() const { return requests_in_flight_ == 0 && queued() == 0; }
  bool closed() const { return WorstBreaker() == BreakerState::kClosed; }
  /// Requests of the commands in flight, answered ones included.
  std::size_t requests_in_flight() const { return requests_in_flight_; }
  /// The unanswered ones of these.
  std::size_t requests_waiting() const { return requests_waiting_; }
  /// Whether OnAnswered was called since the last call.
  bool TakeAnswered() { return std::exchange(answered_, false); }
  SessionStats stats() const;
  /// The worst breaker's states since the last call, in order; at most 16.
  std::vector<BreakerState> TakeBreakerChanges() { return std::exchange(changes_, {}); }
  bool has_breaker_changes() const { return !changes_.empty(); }
  const LatencyHistogram& latency() const { return latency_; }

 private:
  struct Node {
    Node(const Breaker::Options& options, std::mt19937_64& random) : breaker(options, random) {}

    Breaker breaker;
    Nanos used{0};                              // the last request for it
    std::uint64_t missed = 0;                   // the last batch that it missed
    BreakerState seen = BreakerState::kClosed;  // see Observe
  };

  struct Lane {
    explicit Lane(std::uint16_t the_slot) : slot(the_slot) {}

    const std::uint16_t slot;
    Node* node = nullptr;  // the slot's node at its last request
    std::deque<Request> queue;
    std::vector<Request> held;  // goes before the queue after Resume
    DrainEstimate drain;
    std::size_t batches = 0;    // in flight, without abandoned ones
    std::size_t requests = 0;   // in them
    std::size_t abandoned = 0;  // commands
    std::size_t answered = 0;   // requests of the current reply's batch, so far
    std::uint64_t batch = 0;    // the last one sent
    Nanos hold_until{0};        // while the slot is moving
    bool touched = false;       // is in touched_
  };

  using InFlight = std::map<std::uint64_t, Command>;

  // pipeline.cc
  Lane& LaneFor(std::uint16_t slot, Nanos now);
  void SendFrom(Lane& lane, Nanos now);
  void SendBatch(Lane& lane, std::size_t most, Nanos now);
  void SendBySlot(Lane& lane, std::vector<Request> batch, Nanos now);
  void SendCommand(Lane& lane, std::vector<Request> requests, bool by_text, bool last, Nanos now);
  void NextBatch(Lane& lane);
  void Touch(Lane& lane);
  std::size_t queued() const;
  void Finish(Request& request, Completion&& completion);
  void Fail(Request& request, Fault fault, std::string_view why);
  void FailAll(std::span<Request> requests, Fault fault, std::string_view why);

  // pipeline_replies.cc
  Command Take(InFlight::iterator at, Nanos now);
  Command TakeReplied(InFlight::iterator at, Nanos now);
  void OnError(Command& command, std::string_view error, Nanos now);
  void OnUnknownScript(Command& command, std::string_view error, bool refused, Nanos now);
  void OnChecksReply(Command& command, const Reply& reply, Nanos now);
  void OnResetReply(Command& command, const Reply& reply, Nanos now);
  void Salvage(Command& command, bool executed, std::string_view why, std::vector<Request>& again,
               Nanos now);
  void Requeue(Lane& lane, std::vector<Request>&& requests);
  Request GiveBack(Request check, Nanos now);

  // pipeline_guard.cc
  bool AdmitOrReject(Lane& lane, Request& request, Nanos now);
  bool IsLate(const Lane& lane, Nanos deadline, std::size_t ahead, Nanos now) const;
  bool KeepsTooMuch(const Lane& lane) const;
  bool MayProbe(const Lane& lane, Nanos now);
  void FailQueuedChecks(const Node& node);
  void OnFailure(Node& node, std::uint64_t batch, Fault fault, std::string_view why, Nanos now);
  void OnProbeReturned(Node& node, Nanos now);
  void Trip(Node& node, Fault fault, std::string_view why, Nanos now);
  void Expire(Nanos now, bool late);
  bool ExpireInFlight(Command& command, Nanos now);
  bool ExpireQueue(Lane& lane, std::string_view why, Nanos now);
  void DropAbandoned(Nanos now);
  void DropNodes(Nanos now);
  void Observe(Lane& lane);
  void Observe(Node& node);
  void Count(Node& node, BreakerState state);
  BreakerState WorstBreaker() const;

  const Options options_;
  const Transport transport_;
  Session& session_;
  std::mt19937_64& random_;
  Nanos now_{0};  // of the last call

  std::map<std::uint32_t, Node> nodes_;
  std::map<std::uint16_t, Lane> lanes_;  // by slot; only those with work
  std::vector<Lane*> touched_;           // may have something to send
  // The inputs of NextTime, which is called with every batch.
  std::set<Lane*> waiting_;  // their nodes' breakers are not closed
  std::set<Node*> probed_;   // their breakers are half-open
  std::uint64_t turns_ = 0;  // calls
  std::uint64_t ids_ = 0;
  InFlight in_flight_;
  std::size_t requests_in_flight_ = 0;  // of all lanes
  std::size_t requests_waiting_ = 0;    // of these
  Nanos first_deadline_ = kNever;       // no request's deadline is earlier
  Nanos first_hold_ = kNever;           // no lane's hold ends earlier
  bool answered_ = false;

  CompletionQueue completions_;
  SessionStats stats_;
  std::array<std::size_t, 3> breakers_{};  // nodes by Node::seen
  std::vector<BreakerState> changes_;
  LatencyHistogram latency_;
};

template <typename Predicate>
std::vector<Request> Pipeline::TakeQueued(Predicate predicate) {
  std::vector<Request> taken;
  const auto take = [&](Request& request) {
    if (!predicate(std::as_const(request))) return false;
    taken.push_back(std::move(request));
    return true;
  };
  for (auto& [slot, lane] : lanes_) {
    std::erase_if(lane.held, take);
    std::erase_if(lane.queue, take);
    Observe(lane);
  }
  stats_.submitted -= taken.size();
  return taken;
}

}  // namespace sluice::redis
