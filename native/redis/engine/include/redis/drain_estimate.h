// Estimates how long requests take to be answered, from the pace of the replies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace sluice::redis {

/// While requests are always under way, the time between replies, divided by what they answered, is
/// the pace; and n requests under way and waiting take n times that, whether it is the server or
/// the line that takes the time. (L = lambda W: J. Little, "A proof for the queuing formula",
/// 1961.) Looks back over about eight replies. Not thread safe.
class DrainEstimate {
 public:
  /// `count` requests that were sent together at `sent` are answered.
  void OnReply(Nanos sent, std::size_t count, Nanos now) {
    const bool busy = counted_ && sent <= last_;
    const auto time = static_cast<double>((now - (busy ? last_ : sent)).count());
    const auto answered = static_cast<double>(count);
    // What was sent after the last reply had the line's time as well. It is an upper bound, which
    // ends what a hiccup has left behind.
    if (busy || time * answered_ < time_ * answered) {
      time_ += time - time_ / 8;
      answered_ += answered - answered_ / 8;
    }
    counted_ = true;
    last_ = now;
  }
  /// The time until the next reply is not the server's doing.
  void Skip() { counted_ = false; }
  void Reset() { *this = DrainEstimate(); }

  /// Until `count` requests are answered; 0 as long as there is nothing to tell it from.
  Nanos For(std::size_t count) const {
    if (answered_ < 1) return Nanos{0};
    constexpr double kLongest = 1e15;  // ns: no overflow
    const double ns = static_cast<double>(count) * time_ / answered_;
    return Nanos{static_cast<std::int64_t>(std::min(ns, kLongest))};
  }

 private:
  bool counted_ = false;  // last_ is the time of the reply before
  Nanos last_{0};
  double time_ = 0;
  double answered_ = 0;
};

}  // namespace sluice::redis
