// Keeps and finds requests.
#include "model/history.h"

#include <algorithm>

namespace sluice::sim {

void Totals::Add(const Request& request) {
  ++requests;
  units_offered += request.cost;
  if (request.decision.allowed) {
    ++admitted;
    units_admitted += request.cost;
  }
}

History::History(std::uint32_t callers, std::size_t most_requests)
    : most_requests_(most_requests), per_caller_(callers) {}

void History::Add(const Request& request) {
  if (requests_.size() == most_requests_) {
    requests_.pop_front();
    truncated_ = true;
  }
  requests_.push_back(request);
  totals_.Add(request);
  per_caller_[request.caller].Add(request);
}

void History::Add(const RuleChange& change) {
  // Several changes at one moment (a slider dragged while paused) come to the last one.
  if (!rule_changes_.empty() && rule_changes_.back().at == change.at) rule_changes_.pop_back();
  rule_changes_.push_back(change);
}

std::deque<Request>::const_iterator History::FirstFrom(Nanos at) const {
  return std::ranges::lower_bound(requests_, at, {}, &Request::at);
}

const Request* History::LastBefore(std::uint32_t caller, Nanos at) const {
  for (auto it = FirstFrom(at); it != requests_.begin();) {
    --it;
    if (it->caller == caller) return &*it;
  }
  return nullptr;
}

const Request* History::Find(std::uint64_t id) const {
  const auto it = std::ranges::lower_bound(requests_, id, {}, &Request::id);
  return it != requests_.end() && it->id == id ? &*it : nullptr;
}

}  // namespace sluice::sim
