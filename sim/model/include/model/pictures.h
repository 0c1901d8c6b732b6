// The contents of the state pictures, computed from the history.
#pragma once

#include <cstdint>
#include <vector>

#include "model/history.h"

namespace sluice::sim {

/// A window of a fixed or sliding window policy, and its count.
struct WindowBar {
  Nanos start{0};
  Nanos end{0};
  std::int64_t count = 0;
  std::int64_t limit = 0;
};

/// The windows with charges that touch [from, to], in order.
std::vector<WindowBar> WindowBars(const History& history, std::uint32_t caller, Nanos from,
                                  Nanos to);

/// Admitted units in an interval (from, to].
struct BusySpan {
  Nanos from{0};
  Nanos to{0};
  std::int64_t units = 0;
};

/// The interval of that length (> 0) with the most admitted units, among those that end in
/// [from, to]: the first of equal ones, ending at a request. Without requests: 0 units.
BusySpan BusiestSpan(const History& history, std::uint32_t caller, Nanos from, Nanos to,
                     Nanos length);

/// An admitted call that a shaping policy delays.
struct WaitingCall {
  std::uint64_t id = 0;
  std::int64_t cost = 1;
  Nanos leaves{0};
};

/// The calls that wait at `now`, the next to leave first.
std::vector<WaitingCall> WaitingCalls(const History& history, std::uint32_t caller, Nanos now);

/// A mark of a log.
struct LogMark {
  std::uint64_t id = 0;
  Nanos at{0};
  std::int64_t cost = 1;
};

/// The admitted requests in (from, to], in order, without those of cost 0.
std::vector<LogMark> LogMarks(const History& history, std::uint32_t caller, Nanos from, Nanos to);

/// A slot that a call holds.
struct HeldSlot {
  std::uint64_t id = 0;
  std::uint32_t slot = 0;  ///< see Request::slot
  Nanos taken{0};
  Nanos until{0};    ///< the call ends, or the slot expires
  Nanos expires{0};  ///< if nobody releases it
};

/// The slots held at `now`, in the order in which they were taken.
std::vector<HeldSlot> HeldSlots(const History& history, std::uint32_t caller, Nanos now);

}  // namespace sluice::sim
