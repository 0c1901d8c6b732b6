// The conversation with one Redis server, as a state machine: bytes, events and the time go in;
// bytes, a wish for a connection and finished requests come out.
//
// It owns no socket, thread or clock, and its only randomness is the seed it is given, so that
// tests and the simulator can drive it. Not thread safe.
//
// How it behaves
//   * An idle link sends at once. While `max_under_way` batches are unanswered, what comes next
//     gathers, and leaves as one batch (one command) of up to `max_batch` requests. A batch that is
//     full does not wait, until `max_full_under_way` are unanswered.
//   * Every request has its own deadline, watched here, wherever the request is: waiting, written,
//     or waiting for a connection. An answer that comes later is dropped, and a slot that it says
//     was taken is given back, unless a repeat of its id may have been told of it.
//   * When a connection is lost, what the server may have executed fails and is never sent again,
//     but for what can be repeated (reset, release, renew, block, unblock, and checks, debits and
//     credits with an id); what it cannot have executed (its last byte was not handed over) waits
//     for the next one.
//   * A circuit breaker (redis/breaker.h) opens when batches in a row go unanswered, or when there
//     is no connection to wait for. While it is open, checks and peeks fail at once, with the
//     reason; all others wait until their deadline. One request is the probe that closes it. It
//     connects again after a random part of a growing span, too; at once only when a connection
//     that has worked for a second is lost, and once when another is.
//   * A check that would not be answered in time, by how long batches take and how many are before
//     it, fails at once (kOverload), so that a server which is asked for more than it can do still
//     answers in time what it does answer.
//   * An error that says something of the server and not of the request (redis/error_reply.h) opens
//     the breaker; nothing was executed, so what is no check is asked again.
//   * A server that accepts but stays silent is dropped: when no reply has come for `silence` and
//     every request under way has passed its deadline. A process that was itself frozen, so that
//     its timers are late, does not count that against the server.
//   * A new connection asks the server about itself (redis/doctor.h), once it has sent the checks
//     that wait. Nobody waits for the answers, and a server that ends the connection instead of
//     answering is not asked over the next one.
//   * Behind these it puts up what limiters say of themselves (redis/notices.h): the same holds.
//   * When the server has forgotten the script (NOSCRIPT: nothing was executed), it is loaded again
//     and the batch is sent again. A server that refuses SCRIPT LOAD is sent the batch with the
//     script's text (EVAL), by which it knows the script from then on; one that refuses EVALSHA is
//     sent the text with each batch.
//   * A link that a Router owns (`routed`) hands it what its server refused to execute because
//     another one is, or may be, the one to ask (TakeReturned); the router asks again. To a
//     cluster's node (`by_slot`) a batch leaves as one command for each slot, written together.
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
#include "redis/breaker.h"
#include "redis/conversation.h"
#include "redis/doctor.h"
#include "redis/error_reply.h"
#include "redis/latency_histogram.h"
#include "redis/notices.h"
#include "redis/outbox.h"
#include "redis/pace.h"
#include "redis/redirect.h"
#include "redis/reply.h"
#include "redis/request.h"
#include "redis/script.h"
#include "redis/stats.h"

namespace sluice::redis {

class Link final : public Conversation {
 public:
  struct Options {
    Endpoint endpoint;
    std::size_t max_batch = kMaxBatch;
    std::size_t max_under_way = 2;
    /// The same for full batches: 4,096 checks per round trip, 100,000 a second at 40 ms of it.
    std::size_t max_full_under_way = 32;
    /// For connecting (name resolution included) and the greeting together.
    Nanos connect_timeout = std::chrono::milliseconds(1000);
    BackoffSpan backoff{};
    Breaker::Options breaker{};
    Nanos silence = std::chrono::milliseconds(1000);
    bool examines = false;                           ///< asks the server about itself
    bool routed = false;                             ///< see above
    bool by_slot = false;                            ///< the same; requests then say their slot
    std::shared_ptr<NoticeBoard> notices = nullptr;  ///< to put up; null: none
  };

  using Delivery = redis::Delivery;

  /// A request that the server did not execute.
  struct Returned {
    Request request;
    std::string error;                 ///< what it said instead: for people
    std::optional<Redirect> redirect;  ///< the same, if it is one
    bool lone = false;                 ///< and that was meant for this one request
  };

  /// Wants a connection from the first moment on.
  Link(Options options, std::uint64_t seed, Nanos now);

  const Endpoint& endpoint() const override { return options_.endpoint; }

  // ---- In. `now` is on the clock of the requests' deadlines.

  /// Takes requests over; they are moved from.
  void Submit(std::span<Request> requests, Nanos now);
  void OnStage(std::string_view stage) override;
  void SetPassword(std::string password) override;
  void OnConnected(Nanos now) override;
  void OnLost(std::string_view why, Nanos now) override;
  void OnRefused(std::string_view why, Nanos now) override;
  void OnBytes(std::string_view bytes, Nanos now) override;
  void OnWritten(std::size_t count) override;
  void OnTime(Nanos now) override;
  /// Call when Options::notices have become more.
  void PutUpNotices(Nanos now);
  /// Answers everything with kClosed. Nothing else may be called afterwards but TakeDeliveries.
  void Close();

  // ---- Out.

  std::uint64_t WantedConnection() const override { return wanted_; }
  std::string_view Output() const override { return std::string_view(out_).substr(out_start_); }
  Nanos NextTime() const override;
  std::vector<Delivery> TakeDeliveries() { return outbox_.Take(); }
  /// What its server refused since the last call.
  std::vector<Returned> TakeReturned() { return std::exchange(returned_, {}); }
  /// What has not been written and satisfies `predicate`, taken out of this link.
  template <typename Predicate>
  std::vector<Request> TakeQueued(Predicate predicate);
  /// Nothing is waited for: it may go.
  bool idle() const { return queue_.empty() && resend_.empty() && requests_under_way_ == 0; }
  /// The server answers.
  bool healthy() const { return state_ == State::kReady && breaker_.closed(); }
  /// It does not, and not for being new.
  bool troubled() const { return !healthy() && (losses_ > 0 || !breaker_.closed()); }
  /// Connections that ended or could not be made, so far.
  std::uint64_t losses() const { return losses_; }
  LinkStats stats() const;
  /// The breaker's states since the last call, in order.
  std::vector<BreakerState> TakeBreakerChanges() { return breaker_.TakeChanges(); }
  /// The server has answered about itself, or shown a policy that clashes, since the last
  /// TakeWarnings.
  bool IsExamined() const { return examined_ || notices_.has_news(); }
  /// What its answers show to be wrong and did not before. `wall`: this process's time since 1970,
  /// less `now`.
  std::vector<Warning> TakeWarnings(Nanos wall);
  /// The findings of the last examination of the server, and each policy that clashed.
  std::vector<Warning> warnings() const;
  /// May be read on any thread.
  const LatencyHistogram& latency() const { return latency_; }
  /// Requests written, or about to be, whose reply has not come.
  std::size_t RequestsUnderWay() const { return requests_under_way_; }

 private:
  enum class State : std::uint8_t { kWaiting, kConnecting, kGreeting, kReady };

  // Elements of a reply to other commands than checks. CONFIG GET maxmemory* has the most, about
  // ten.
  static constexpr std::size_t kFewElements = 64;

  // A command whose reply has not come. Replies come in the order of the commands.
  struct Command {
    enum class Kind : std::uint8_t {
      kAuth,
      kPing,
      kSelect,
      kLoad,
      kAsking,
      kChecks,
      kChecksByText,
      kReset,
      kQuestion,
      kNotice
    };
    Kind kind = Kind::kLoad;
    std::uint64_t end = 0;          // of its bytes, counted from the start of the connection
    std::vector<Request> requests;  // an answered one has no sink
    Nanos sent{0};
    std::size_t waiting = 0;  // of its requests, those that nobody has answered
    std::uint64_t batch = 0;  // that it is of; commands without requests are of none
    bool overdue = false;     // the breaker knows that it was not answered in time
    Question question{};
    std::size_t most_elements = kFewElements;  // of the reply

    /// Nobody asked for it.
    bool aside() const { return kind == Kind::kQuestion || kind == Kind::kNotice; }
  };

  // Timers so late mean that this process ran too seldom for a missed deadline to say anything of
  // the server.
  static constexpr Nanos kLate = std::chrono::milliseconds(50);

  std::size_t BatchesUnderWay() const;

  void Connect(Nanos now);
  void AddCommand(Command::Kind kind, std::vector<Request> requests, Nanos now,
                  Question question = {});
  void Pump(Nanos now);
  void SendBatch(std::size_t most, Nanos now);
  void AddBatch(std::vector<Request> batch, Nanos now);
  void AddBatch(std::vector<Request> batch, Command::Kind checks, Nanos now);
  void SendByText(Command& command, Nanos now);
  void AddBySlot(std::vector<Request> batch, Nanos now);

  // link_guard.cc: what keeps callers from waiting in vain.
  bool Divert(Request& request, Nanos now);
  bool WouldBeLate(Nanos deadline, Nanos now) const;
  bool IsLate(Nanos deadline, std::size_t ahead, Nanos now) const;
  bool MayProbe(Nanos now) const;
  void FailChecksThatWait();
  void Trip(Fault fault, std::string_view why, Nanos now);
  void NoteFailure(std::string_view why, Nanos now);
  void NoteReply(const Command& command, Nanos now);
  void NoteOverdue(bool queued_expired, bool late, Nanos now);
  void AskAgain(std::span<Request> requests, std::string_view why, Remedy remedy, Nanos now);
  void Return(std::span<Request> requests, std::string_view error, bool lone);
  void HandBack(std::span<Request> requests, std::string_view why,
                const std::optional<Redirect>& redirect, bool lone);

  // link_examination.cc
  void Examine(Nanos now);
  void OnQuestionReply(const Command& command, Reply&& reply, Nanos now);
  void OnNoticeReply(const Reply& reply);
  bool MayPutUp() const;
  bool IsExamining() const;
  bool OwesReply() const;

  std::string Explain(std::string_view error) const;
  std::string Placed(std::string_view why) const;
  Remedy RemedyHere(std::string_view error) const;
  void OnReply(Reply&& reply, Nanos now);
  void Answered(Command& command, Reply&& reply, Nanos now);
  void OnGreetingReply(Command::Kind kind, const Reply& reply, Nanos now);
  void OnLoadReply(const Reply& reply, Nanos now);
  void OnChecksError(Command& command, std::string_view error, Nanos now);
  void OnChecksReply(Command& command, const Reply& reply, Nanos now);
  void OnResetReply(Command& command, const Reply& reply, Nanos now);

  void Lose(Fault fault, std::string_view why, Nanos now);
  void RequeueUnexecuted(std::string_view why, Nanos now);
  Request GiveBack(Request check, Nanos now);
  void Expire(Nanos now, bool late);
  void Finish(Request& request, Completion&& completion);
  void Fail(Request& request, Fault fault, std::string_view why);

  const Options options_;
  Nanos now_;  // of the last call
  std::mt19937_64 random_;

  State state_ = State::kWaiting;
  std::uint64_t attempts_ = 0;
  std::uint64_t wanted_ = 0;
  unsigned failures_ = 0;  // in a row: connections that answered no batch, or soon broke off
  bool worked_ = false;    // this connection has answered a batch
  Nanos ready_at_{0};      // since when it could
  Nanos state_until_;      // kWaiting: when to connect; kConnecting, kGreeting: when to give up
  std::string stage_;      // see OnStage
  std::string password_;   // of the next AUTH
  Breaker breaker_;
  Pace pace_;

  std::string sha_;
  bool loads_ = true;            // the server takes SCRIPT LOAD, as far as is known
  bool takes_sha_ = true;        // and EVALSHA
  std::string refusal_;          // what it said to the first of these that it does not take
  bool no_password_ = false;     // it was given a password and asks for none
  bool was_ready_ = false;       // at some time
  bool loading_ = false;         // the script is being loaded again
  std::string not_asking_;       // if not empty: why ASKING was refused before what comes next
  std::string leaving_;          // if not empty: why the connection ends once all is answered
  std::vector<Request> resend_;  // waits for that
  std::deque<Request> queue_;
  std::deque<Command> under_way_;
  std::size_t requests_under_way_ = 0;  // in under_way_
  std::size_t waiting_ = 0;             // of these, those that nobody has answered
  Nanos quiet_since_{0};           // the last reply, or the first command after none was under way
  Nanos first_deadline_ = kNever;  // no request's deadline is earlier

  std::string out_;
  std::size_t out_start_ = 0;
  std::uint64_t queued_bytes_ = 0;  // of this connection
  std::uint64_t written_bytes_ = 0;
  ReplyReader reader_;
  ScriptCall call_;

  bool may_examine_ = true;  // the last connection did not end of it
  bool examination_due_ = false;
  bool examined_ = false;  // examination_ is complete
  Examination examination_;
  Doctor doctor_;
  NoticeRound notices_;

  std::uint64_t batches_ = 0;  // numbered from 1
  std::uint64_t missed_ = 0;   // the last that the breaker knows not to have been answered in time
  std::size_t answered_ = 0;   // requests of the batch that is being answered, so far
  std::uint64_t losses_ = 0;
  std::vector<Returned> returned_;
  Outbox outbox_;
  LinkStats stats_;
  LatencyHistogram latency_;
};

template <typename Predicate>
std::vector<Request> Link::TakeQueued(Predicate predicate) {
  std::vector<Request> taken;
  const auto take = [&](Request& request) {
    if (!predicate(std::as_const(request))) return false;
    taken.push_back(std::move(request));
    return true;
  };
  std::erase_if(resend_, take);
  std::erase_if(queue_, take);
  stats_.submitted -= taken.size();
  return taken;
}

}  // namespace sluice::redis
