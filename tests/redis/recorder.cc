// Results by ticket.
#include "redis/recorder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "support/policies.h"

namespace sluice::redis {

std::shared_ptr<const PolicySet> SlowBucket(std::int64_t capacity, const std::string& prefix) {
  return std::make_shared<const PolicySet>(
      std::vector{testing::BucketPolicy("default", capacity, 1, std::chrono::hours(1))}, prefix);
}

void Recorder::Deliver(std::span<Finished> finished) {
  const std::lock_guard lock(mutex_);
  for (auto& [request, completion] : finished) {
    const std::uint64_t ticket = request.ticket;
    const bool fresh = answers_.emplace(ticket, std::move(completion)).second;
    EXPECT_TRUE(fresh) << "answered twice: " << ticket;
  }
  arrived_.notify_all();
}

Request Recorder::Ask(std::shared_ptr<const PolicySet> set, std::string_view key, Nanos timeout,
                      std::int64_t cost) {
  Request request;
  request.set = std::move(set);
  request.key = EscapedKey(key);
  request.costs = cost;
  request.deadline = std::chrono::steady_clock::now().time_since_epoch() + timeout;
  request.sink = shared_from_this();
  const std::lock_guard lock(mutex_);
  request.ticket = ++tickets_;
  return request;
}

Completion Recorder::Await(std::uint64_t ticket) {
  std::unique_lock lock(mutex_);
  const bool there =
      arrived_.wait_for(lock, std::chrono::seconds(90), [&] { return answers_.contains(ticket); });
  EXPECT_TRUE(there) << "no answer to " << ticket;
  return answers_[ticket];
}

Completion Recorder::Run(Backend& client, Request request) {
  const std::uint64_t ticket = request.ticket;
  std::vector<Request> requests;
  requests.push_back(std::move(request));
  client.Submit(std::move(requests));
  return Await(ticket);
}

}  // namespace sluice::redis
