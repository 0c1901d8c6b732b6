// The session with one Redis server over a connection of ours, as a state machine. Input:
// bytes, events and the time. Output: bytes, the wish for a connection, and finished requests.
//
// It owns no socket, thread or clock, and its only randomness is its seed, so that tests and the
// simulator can drive it. Not thread safe.
//
// Requests go through a pipeline (redis/pipeline.h). The session adds:
//   * Replies come in the order of the commands. When the connection is lost, commands that the
//     server cannot have executed (their last byte was not passed to the system) are sent again
//     over the next one.
//   * It reconnects after a random part of a growing span. It reconnects at once if the lost
//     connection had worked for a second; otherwise only the first time. Without a connection the
//     breaker is open.
//   * A server that accepts but stays silent is dropped: when no reply has come for `silence` and
//     every request in flight has passed its deadline. If this process itself was frozen, so that
//     its timers are late, that does not count against the server.
//   * A new connection sends a health check (redis/health_check.h) after the waiting checks, and
//     then limiters' metadata (redis/metadata.h). If the server ends the connection instead of
//     answering, the next one sends neither.
//   * If the server has lost the script (NOSCRIPT: nothing was executed), it is loaded again and
//     the batch is sent again. A server that refuses SCRIPT LOAD gets the batch with the script's
//     text (EVAL), and then knows it; one that refuses EVALSHA gets the text with each batch.
//   * A session of a Router (`routed`) returns requests that its server refused because another one
//     owns, or may own, their slot (TakeReturned); the router sends them on. To a cluster's node
//     (`by_slot`) a batch leaves as one command for each slot, written together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/health_check.h"
#include "redis/metadata.h"
#include "redis/pipeline.h"
#include "redis/protocol.h"
#include "redis/redirect.h"
#include "redis/reply.h"
#include "redis/request.h"
#include "redis/script.h"
#include "redis/stats.h"

namespace sluice::redis {

class ServerSession final : public Protocol, private Pipeline::Session {
 public:
  struct Options {
    Endpoint endpoint;
    Pipeline::Options pipeline{};
    /// For connecting (name resolution included) and the greeting together.
    Nanos connect_timeout = std::chrono::milliseconds(1000);
    BackoffSpan backoff{};
    Nanos silence = std::chrono::milliseconds(1000);
    bool checks_health = false;
    bool routed = false;                               ///< see above
    bool by_slot = false;                              ///< the same; requests then say their slot
    std::shared_ptr<MetadataList> metadata = nullptr;  ///< to publish; null: none
  };

  /// A request that the server did not execute.
  struct Returned {
    Request request;
    std::string error;                 ///< its error, for people
    std::optional<Redirect> redirect;  ///< if the error is a redirection
    bool single = false;               ///< and that was about this one request
  };

  /// Wants a connection from the start.
  ServerSession(Options options, std::uint64_t seed, Nanos now);

  // ---- In. `now` is on the clock of the requests' deadlines.

  /// Takes requests over; they are moved from.
  void Submit(std::span<Request> requests, Nanos now) {
    NoteDriven();
    pipeline_.Submit(requests, now);
  }
  void OnConnected(Nanos now) override;
  void OnLost(std::string_view why, Nanos now) override { Lose(Fault::kUnavailable, why, now); }
  void OnRefused(std::string_view why, Nanos now) override { Lose(Fault::kRefused, why, now); }
  void OnBytes(std::string_view bytes, Nanos now) override;
  void OnWritten(std::size_t count) override;
  void OnTime(Nanos now) override;
  /// Call when Options::metadata has new entries.
  void PublishMetadata(Nanos now);
  /// Answers everything with kClosed. Afterwards only TakeDeliveries may be called.
  void Close();

  // ---- Out.

  std::uint64_t WantedConnection() const override { return wanted_; }
  std::string_view Output() const override { return std::string_view(out_).substr(out_start_); }
  Nanos NextTime() const override;
  std::vector<Delivery> TakeDeliveries() { return pipeline_.TakeDeliveries(); }
  /// The requests that its server refused since the last call.
  std::vector<Returned> TakeReturned() { return std::exchange(returned_, {}); }
  /// Removes the unwritten requests that satisfy `predicate`.
  template <typename Predicate>
  std::vector<Request> TakeQueued(Predicate predicate) {
    NoteDriven();
    return pipeline_.TakeQueued(predicate);
  }
  /// No request is unanswered: it may go.
  bool idle() const { return pipeline_.idle(); }
  /// The server answers.
  bool healthy() const { return state_ == State::kReady && pipeline_.closed(); }
  /// The server does not answer, and the session is not just new.
  bool troubled() const { return !healthy() && (losses_ > 0 || !pipeline_.closed()); }
  /// The number of connections that ended or could not be made.
  std::uint64_t losses() const { return losses_; }
  SessionStats stats() const;
  /// The breaker's states since the last call, in order.
  std::vector<BreakerState> TakeBreakerChanges() { return pipeline_.TakeBreakerChanges(); }
  /// Whether TakeBreakerChanges or TakeWarnings has something to tell.
  bool has_news() const { return pipeline_.has_breaker_changes() || has_warnings(); }
  /// Whether the server has answered about itself, or shown a clash of policies, since the last
  /// TakeWarnings.
  bool has_warnings() const { return health_.has_result() || metadata_.has_news(); }
  /// New problems in its answers. `wall`: this process's time since 1970, less `now`.
  std::vector<Warning> TakeWarnings(Nanos wall);
  /// The warnings of the last health check, and each policy that clashed.
  std::vector<Warning> warnings() const;
  /// May be read on any thread.
  const LatencyHistogram& latency() const { return pipeline_.latency(); }
  /// Requests that are written, or about to be, without a reply.
  std::size_t requests_in_flight() const { return pipeline_.requests_in_flight(); }

 private:
  enum class State : std::uint8_t { kWaiting, kConnecting, kGreeting, kReady };

  // Elements of a reply to commands other than checks. CONFIG GET maxmemory* has the most, about
  // ten.
  static constexpr std::size_t kFewElements = 64;

  // A command without a reply yet. Replies come in the order of the commands.
  struct Sent {
    enum class Kind : std::uint8_t {
      kAuth,
      kPing,
      kSelect,
      kLoad,
      kAsking,
      kRequests,
      kInfo,
      kMetadata
    };
    Kind kind = Kind::kLoad;
    std::uint64_t id = 0;   // kRequests: the pipeline's
    std::uint64_t end = 0;  // of its bytes, counted from the start of the connection
    Nanos at{0};
    InfoCommand info{};
    std::size_t most_elements = kFewElements;  // of the reply

    // The server may delay the replies to these.
    bool optional() const { return kind == Kind::kInfo || kind == Kind::kMetadata; }
  };

  // Pipeline::Session.
  bool CanSend() const override { return state_ == State::kReady && !loading_ && leaving_.empty(); }
  bool SendsText() const override { return !takes_sha_; }
  void Send(std::uint64_t id, const Pipeline::Command& command, Nanos now) override;
  Pipeline::ScriptStep OnUnknownScript(std::string_view error, bool refused, Nanos now) override;
  Pipeline::Advice AdviceOn(const Pipeline::Command& command,
                            std::string_view error) const override;
  void OnRefused(const Pipeline::Command& command, const Pipeline::Refusal& refusal,
                 Nanos now) override;
  void OnNonsense(const Pipeline::Command& command, Nanos now) override;
  std::string WhyStillQueued() const override;

  void Connect(Nanos now);
  void Lose(Fault fault, std::string_view why, Nanos now);
  std::uint64_t FirstUnwritten() const;
  bool OwesReply() const;
  void SendOwn(Sent::Kind kind, Nanos now, InfoCommand info = {});
  void NoteSent(Sent sent, std::size_t out_before);

  void OnReply(Reply&& reply, Nanos now);
  void OnReplyTo(const Sent& sent, Reply&& reply, Nanos now);
  void OnGreetingReply(Sent::Kind kind, const Reply& reply, Nanos now);
  void OnLoadReply(const Reply& reply, Nanos now);
  void OnRequestsReply(const Sent& sent, const Reply& reply, Nanos now);

  void SendDueInfo(Nanos now);
  bool MayPublish() const { return CanSend() && pipeline_.closed(); }

  const Options options_;
  std::mt19937_64 random_;

  State state_ = State::kWaiting;
  std::uint64_t attempts_ = 0;
  std::uint64_t wanted_ = 0;
  unsigned failures_ = 0;  // in a row: connections that answered no batch, or soon broke off
  Nanos ready_at_{0};      // since when this one could
  Nanos state_until_;      // kWaiting: when to connect; kConnecting, kGreeting: when to give up
  std::uint64_t losses_ = 0;

  std::string sha_;
  bool loads_ = true;         // the server takes SCRIPT LOAD, as far as is known
  bool takes_sha_ = true;     // and EVALSHA
  std::string refusal_;       // the server's first refusal of these
  bool no_password_ = false;  // it needs no password although one was given
  bool was_ready_ = false;    // at some time
  bool loading_ = false;      // the script is being loaded again
  std::string not_asking_;    // if not empty: why ASKING was refused before the next reply
  std::string leaving_;       // if not empty: why the connection ends after all replies

  Pipeline pipeline_;
  std::deque<Sent> sent_;
  Nanos quiet_since_{0};  // the last reply, or the first command after none was in flight
  std::string out_;
  std::size_t out_start_ = 0;
  std::uint64_t queued_bytes_ = 0;  // of this connection
  std::uint64_t written_bytes_ = 0;
  ReplyReader reader_;
  ScriptCall call_;

  bool may_check_health_ = true;  // the last connection did not end because of it
  HealthCheck health_;
  MetadataPublisher metadata_;

  std::vector<Returned> returned_;
  std::uint64_t reconnects_ = 0;
  std::uint64_t script_reloads_ = 0;
};

}  // namespace sluice::redis
