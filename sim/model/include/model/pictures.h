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

// Admitted requests of cost 1 or more, in order. Valid until the history changes.
using Requests = std::vector<const Request*>;

/// The requests in (from, to].
Requests ChargedRequests(const History& history, std::uint32_t caller, Nanos from, Nanos to);
/// The calls that a shaping policy delays beyond `now`.
Requests WaitingCalls(const History& history, std::uint32_t caller, Nanos now);
/// The calls that hold a slot at `now`.
Requests HoldingCalls(const History& history, std::uint32_t caller, Nanos now);

}  // namespace sluice::sim
