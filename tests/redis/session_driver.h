// Drives a session or router by hand: plays the servers, the network and the clock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/completion_queue.h"
#include "redis/latency_histogram.h"
#include "redis/reply.h"
#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

inline constexpr Nanos kMillisecond = std::chrono::milliseconds(1);
inline constexpr Nanos kSecond = std::chrono::seconds(1);

inline constexpr HolderId kHolder{.high = 0, .low = 0xab};
inline const std::string kHolderText = std::string(30, '0') + "ab";

/// The name, in upper case, and the arguments.
using SentCommand = std::vector<std::string>;

/// The number of checks in an EVALSHA or EVAL, by its keys: one policy each.
std::size_t ChecksIn(const SentCommand& command);

/// A policy set with one bucket of 10 units, which gains one unit per second.
std::shared_ptr<const PolicySet> OneBucket();

/// A sink for requests whose results a driver takes. It fails the test if anything is delivered.
const std::shared_ptr<Sink>& UnusedSink();

/// Requests, their results, and the time.
class RequestDriver {
 public:
  virtual ~RequestDriver() = default;

  /// A request of one unit of OneBucket.
  Request Make(Request::Kind kind, std::string_view key, Nanos timeout);
  /// A check of a policy "c" with one slot of a second, by kHolder. `id` may be empty.
  Request MakeSlotCheck(std::string_view id = {});
  /// Each returns the ticket.
  std::uint64_t Submit(Request request);
  std::uint64_t Submit(Request::Kind kind, std::string_view key, Nanos timeout);
  std::uint64_t Check(std::string_view key, Nanos timeout = 100 * kMillisecond);
  /// Submits several requests at once.
  virtual void SubmitAll(std::span<Request> requests) = 0;

  /// Lets time pass, and calls OnTime whenever it is due.
  void Pass(Nanos time);
  /// Lets time pass for a frozen process, which notices it only afterwards.
  void PassFrozen(Nanos time);

  bool Answered(std::uint64_t ticket);
  /// The result of a request. Fails the test if there is none.
  Completion Result(std::uint64_t ticket);
  Fault FaultOf(std::uint64_t ticket) { return Result(ticket).fault; }
  /// Tickets in the order of their results. A second result for one fails the test.
  const std::vector<std::uint64_t>& order();

  Nanos now = std::chrono::seconds(1000);

 private:
  virtual Nanos NextTime() const = 0;
  virtual void OnTime() = 0;
  virtual std::vector<Delivery> TakeDeliveries() = 0;
  void Collect();

  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, Completion> results_;
  std::vector<std::uint64_t> order_;
};

class SessionDriver : public RequestDriver {
 public:
  /// Takes the commands that were sent since the last call.
  virtual std::vector<SentCommand> Sent() = 0;
  /// Replies to the oldest unanswered command.
  virtual void Receive(const Reply& reply) = 0;
  /// Replies to a command of `checks`: every bucket was full.
  void AnswerFull(std::size_t checks);
  /// Replies with an array of integers and, if it is not empty, a text.
  void AnswerArray(std::vector<std::int64_t> integers, std::string text = {});
  void AnswerInteger(std::int64_t integer);
  void AnswerError(std::string_view error);
  /// All commands without a reply are lost.
  virtual void LoseCommands(std::string_view why) = 0;
  /// Makes the connection that the session waits for, if it has one.
  virtual void Reconnect() {}
  /// The number of the connection; 0 without one, and always through a client.
  virtual std::uint64_t connection() const { return 0; }

  virtual SessionStats stats() const = 0;
  BreakerState breaker() const { return stats().breaker; }
  virtual std::vector<BreakerState> TakeBreakerChanges() = 0;
  virtual const LatencyHistogram& latency() const = 0;
  virtual void Close() = 0;
};

/// The driver of one kind of session.
template <typename Session>
class DriverOf : public SessionDriver {
 public:
  void SubmitAll(std::span<Request> requests) override { session.Submit(requests, now); }
  SessionStats stats() const override { return session.stats(); }
  std::vector<BreakerState> TakeBreakerChanges() override { return session.TakeBreakerChanges(); }
  const LatencyHistogram& latency() const override { return session.latency(); }
  void Close() override { session.Close(); }

  Session session;

 protected:
  template <typename... Arguments>
  explicit DriverOf(Arguments&&... arguments) : session(std::forward<Arguments>(arguments)...) {}

 private:
  Nanos NextTime() const override { return session.NextTime(); }
  void OnTime() override { session.OnTime(now); }
  std::vector<Delivery> TakeDeliveries() override { return session.TakeDeliveries(); }
};

}  // namespace sluice::redis
