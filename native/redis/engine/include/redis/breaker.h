// A circuit breaker: decides whether to send requests to a server.
//
//   closed     everything is sent. After `trip` failures without a success between them: open.
//   open       nothing is sent for a while; then one request, the probe: half-open.
//   half-open  only the probe is in flight. Its answer closes the breaker; its failure, or
//              `probe_timeout` without either, opens it again for longer ("full jitter").
//
// A failure is a batch that was not answered in time, or that was lost with its connection. Callers
// pass in the time and the random generator. Not thread safe.
//
// Source: M. Nygard, "Release It!", 2007, chapter 5.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "redis/backoff.h"
#include "redis/request.h"
#include "redis/stats.h"

namespace sluice::redis {

class Breaker {
 public:
  struct Options {
    /// The number of batches in flight to a server that stops answering: a third is not sent.
    unsigned trip = 2;
    BackoffSpan backoff;
    Nanos probe_timeout = std::chrono::milliseconds(1000);
  };

  /// `random` must outlive it.
  Breaker(const Options& options, std::mt19937_64& random) : options_(options), random_(random) {}

  BreakerState state() const { return state_; }
  bool closed() const { return state_ == BreakerState::kClosed; }
  /// The reason why it is not closed; kNone if it is.
  Fault fault() const { return fault_; }
  const std::string& why() const { return why_; }

  /// Whether a probe may be sent. The caller then calls OnProbeSent.
  bool MayProbe(Nanos now) const { return state_ == BreakerState::kOpen && now >= until_; }
  void OnProbeSent(Nanos now);

  /// A batch was answered in time.
  void OnSuccess();
  /// A batch was not answered in time. Counts while closed; opens when half-open.
  void OnFailure(Fault fault, std::string_view why, Nanos now);
  /// The server is known to be unusable: opens at once. If already open, updates only the reason.
  void Trip(Fault fault, std::string_view why, Nanos now);
  /// The server sent something, though not the answer in time: a probe may go at once.
  void OnSignOfLife(Nanos now);
  /// The probe was not executed, or its answer was missed here: another may go at once.
  void OnProbeReturned(Nanos now);
  /// This process stood still: missed answers say nothing about the server.
  void Forgive(Nanos now);

  /// The time for OnTime, because of the probe; kNever if there is none.
  Nanos NextTime() const { return state_ == BreakerState::kHalfOpen ? until_ : kNever; }
  /// The time at which a probe may go; kNever if none may.
  Nanos NextProbe() const { return state_ == BreakerState::kOpen ? until_ : kNever; }
  void OnTime(Nanos now);

  /// The number of times it left closed.
  std::uint64_t opened() const { return opened_; }
  /// The states since the last call, in order; at most the last 16.
  std::vector<BreakerState> TakeChanges();

 private:
  void Enter(BreakerState state);
  void Open(Fault fault, std::string_view why, Nanos now);

  const Options options_;
  std::mt19937_64& random_;
  BreakerState state_ = BreakerState::kClosed;
  unsigned failures_ = 0;  // closed: in a row
  unsigned openings_ = 0;  // in a row: since it was last closed
  std::uint64_t opened_ = 0;
  Nanos until_{0};  // open: when to probe; half-open: the probe's deadline
  Fault fault_ = Fault::kNone;
  std::string why_;
  std::vector<BreakerState> changes_;
};

}  // namespace sluice::redis
