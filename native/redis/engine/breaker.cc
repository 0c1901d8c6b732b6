// The breaker's transitions.
#include "redis/breaker.h"

#include <algorithm>
#include <utility>

namespace sluice::redis {

void Breaker::OnProbeSent(Nanos now) {
  until_ = now + options_.probe_timeout;
  Enter(BreakerState::kHalfOpen);
}

void Breaker::OnSuccess() {
  failures_ = 0;
  if (closed()) return;
  openings_ = 0;
  fault_ = Fault::kNone;
  why_.clear();
  Enter(BreakerState::kClosed);
}

void Breaker::OnFailure(Fault fault, std::string_view why, Nanos now) {
  if (state_ == BreakerState::kOpen) return;
  if (state_ == BreakerState::kHalfOpen || ++failures_ >= options_.trip) Open(fault, why, now);
}

void Breaker::Trip(Fault fault, std::string_view why, Nanos now) {
  if (state_ != BreakerState::kOpen) return Open(fault, why, now);
  // Another failure of a batch in flight, or of a connection attempt. Only a failed probe extends
  // the pause.
  fault_ = fault;
  why_ = why;
}

void Breaker::OnSignOfLife(Nanos now) {
  if (state_ == BreakerState::kOpen) until_ = std::min(until_, now);
}

void Breaker::OnProbeReturned(Nanos now) {
  if (state_ != BreakerState::kHalfOpen) return;
  until_ = now;
  Enter(BreakerState::kOpen);
}

void Breaker::Forgive(Nanos now) {
  failures_ = 0;
  if (state_ == BreakerState::kHalfOpen) until_ = std::max(until_, now + options_.probe_timeout);
}

void Breaker::OnTime(Nanos now) {
  if (state_ == BreakerState::kHalfOpen && now >= until_) {
    Open(fault_, std::string(why_), now);
  }
}

std::vector<BreakerState> Breaker::TakeChanges() { return std::exchange(changes_, {}); }

void Breaker::Open(Fault fault, std::string_view why, Nanos now) {
  if (closed()) ++opened_;
  failures_ = 0;
  fault_ = fault;
  why_ = why;
  until_ = now + FullJitter(options_.backoff, openings_++, random_);
  Enter(BreakerState::kOpen);
}

void Breaker::Enter(BreakerState state) {
  if (std::exchange(state_, state) == state) return;
  constexpr std::size_t kMostChanges = 16;
  if (changes_.size() == kMostChanges) changes_.erase(changes_.begin());
  changes_.push_back(state);
}

}  // namespace sluice::redis
