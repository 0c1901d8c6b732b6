// Requests that a router keeps until it knows their server, or until a retry is due.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "core/time.h"
#include "redis/request.h"

namespace sluice::redis {

/// Keeps their order. Not thread safe.
class RetryQueue {
 public:
  /// `due`: the time of the retry; kNever: when the router calls it.
  void Add(Request&& request, Nanos due) {
    next_ = std::min({next_, due, request.deadline});
    waiting_.push_back({std::move(request), due});
  }

  /// Removes the requests that satisfy `predicate(request, due)`.
  template <typename Predicate>
  std::vector<Request> Take(Predicate predicate) {
    std::vector<Request> taken;
    next_ = kNever;
    std::erase_if(waiting_, [&](Entry& entry) {
      if (predicate(std::as_const(entry.request), entry.due)) {
        taken.push_back(std::move(entry.request));
        return true;
      }
      next_ = std::min({next_, entry.due, entry.request.deadline});
      return false;
    });
    return taken;
  }

  /// The time at which the first one is due or its deadline passes; possibly earlier.
  Nanos NextTime() const { return next_; }
  std::size_t size() const { return waiting_.size(); }

 private:
  struct Entry {
    Request request;
    Nanos due{0};
  };
  std::vector<Entry> waiting_;
  Nanos next_ = kNever;
};

}  // namespace sluice::redis
