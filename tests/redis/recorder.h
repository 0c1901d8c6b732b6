// Asks a backend as a limiter would, and keeps the answers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "redis/connect.h"

namespace sluice::redis {

/// A bucket of `capacity` units named "default", which gains one unit per hour.
std::shared_ptr<const PolicySet> SlowBucket(std::int64_t capacity, const std::string& prefix = "t");

/// Thread safe.
class Recorder final : public Sink, public std::enable_shared_from_this<Recorder> {
 public:
  void Deliver(std::span<Finished> finished) override;

  /// A request that delivers here. Tickets count from 1.
  Request Ask(std::shared_ptr<const PolicySet> set, std::string_view key,
              Nanos timeout = std::chrono::seconds(60), std::int64_t cost = 1);
  /// Waits for the result. After 90 s it fails the test and returns an empty one.
  Completion Await(std::uint64_t ticket);
  /// Submits one request and waits for its result.
  Completion Run(Backend& client, Request request);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::uint64_t tickets_ = 0;
  std::map<std::uint64_t, Completion> answers_;
};

}  // namespace sluice::redis
