// Finished requests on their way to their sinks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/request.h"

namespace sluice::redis {

/// Finished requests of one sink.
struct Delivery {
  std::shared_ptr<Sink> sink;
  std::vector<Finished> finished;
};

/// Not thread safe.
class CompletionQueue {
 public:
  /// Takes the request's sink and, without a fault, the rest of the request. Precondition: it has
  /// a sink. `likely`: the expected number for that sink.
  void Put(Request& request, Completion&& completion, std::size_t likely = 1) {
    auto sink = std::exchange(request.sink, nullptr);
    auto at = std::ranges::find(deliveries_.rbegin(), deliveries_.rend(), sink, &Delivery::sink);
    if (at == deliveries_.rend()) {
      deliveries_.push_back({std::move(sink), {}});
      at = deliveries_.rbegin();
      at->finished.reserve(likely);
    }
    if (completion.fault == Fault::kNone) {
      at->finished.emplace_back(std::move(request), std::move(completion));
    } else {
      // A copy: it may still have to give back slots.
      at->finished.emplace_back(Request(request), std::move(completion));
    }
  }

  void Fail(Request& request, Fault fault, std::string_view why) {
    Completion completion;
    completion.fault = fault;
    completion.detail = why;
    Put(request, std::move(completion));
  }

  std::vector<Delivery> Take() { return std::exchange(deliveries_, {}); }

 private:
  std::vector<Delivery> deliveries_;
};

}  // namespace sluice::redis
