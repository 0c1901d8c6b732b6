// Estimates how long requests take to be answered, from the pace of the replies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace sluice::redis {

/// While requests are in flight, the pace is the time between replies divided by the number of
/// answers. n requests in flight and waiting take n times that, whether the server or the line
/// takes the time. (L = lambda W: J. Little, "A proof for the queuing formula", 1961.) Uses about
/// the last eight replies. Not thread safe.
class DrainEstimate {
 public:
  /// `count` requests that were sent together at `sent` are answered.
  void OnReply(Nanos sent, std::size_t count, Nanos now) {
    const bool busy = counted_ && sent <= last_;
    const auto time = static_cast<double>((now - (busy ? last_ : sent)).count());
    const auto answered = static_cast<double>(count);
    // A batch sent after the last reply also includes the line's time. That is an upper bound, and
    // ends the effect of a hiccup.
    if (busy || time * answered_ < time_ * answered) {
      time_ += time - time_ / 8;
      answered_ += answered - answered_ / 8;
    }
    counted_ = true;
    last_ = now;
  }
  /// Ignores the time until the next reply, which the server did not cause.
  void Skip() { counted_ = false; }
  void Reset() { *this = DrainEstimate(); }

  /// The time until `count` requests are answered; 0 while the pace is unknown.
  Nanos For(std::size_t count) const {
    if (answered_ < 1) return Nanos{0};
    constexpr double kLongest = 1e15;  // ns: no overflow
    const double ns = static_cast<double>(count) * time_ / answered_;
    return Nanos{static_cast<std::int64_t>(std::min(ns, kLongest))};
  }

 private:
  bool counted_ = false;  // whether last_ is the time of the previous reply
  Nanos last_{0};
  double time_ = 0;
  double answered_ = 0;
};

}  // namespace sluice::redis
