// Storage and lookup of requests.
#include "model/history.h"

#include <algorithm>
#include <utility>

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

void History::Add(const PolicyChange& change) {
  PolicyChange last = change;
  last.first_request = static_cast<std::uint64_t>(totals_.requests) + 1;
  // Only the last of several changes without a request between counts (edits while paused).
  if (!policy_changes_.empty() && policy_changes_.back().at == last.at &&
      policy_changes_.back().first_request == last.first_request) {
    last.fresh = last.fresh || policy_changes_.back().fresh;
    policy_changes_.pop_back();
  }
  policy_changes_.push_back(std::move(last));
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

std::uint64_t History::FreshSince(Nanos at) const {
  std::uint64_t since = 1;
  for (const PolicyChange& change : policy_changes_) {
    if (change.at > at) break;
    if (change.fresh) since = change.first_request;
  }
  return since;
}

}  // namespace sluice::sim
