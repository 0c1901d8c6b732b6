// Selection of a picture's contents from the history.
#include "model/pictures.h"

#include <algorithm>
#include <optional>

#include "model/describe.h"

namespace sluice::sim {
namespace {

bool Charged(const Request& request, std::uint32_t caller) {
  return request.caller == caller && request.decision.allowed && request.cost > 0;
}

// The window in which a request was charged; none if its policy has no windows.
std::optional<WindowBar> WindowOf(const Request& request) {
  const Micros at = ToMicros(request.at);
  return std::visit(
      [&](const auto& a) -> std::optional<WindowBar> {
        // All algorithms with windows read {us until the window ends, its count, ...}.
        if constexpr (requires { a.Store(request.after, at).start; }) {
          const auto& [left, count, rest] = request.after.numbers;
          return WindowBar{a.Store(request.after, at).start, at + Micros{left}, count, a.limit()};
        } else {
          return std::nullopt;
        }
      },
      request.policy->algorithm);
}

// The longest time that a charge can show under any policy of the run.
Nanos LongestTraceIn(const History& history) {
  Nanos longest{0};
  for (const PolicyChange& change : history.policy_changes()) {
    longest = std::max(longest, LongestTrace(change.policy->algorithm));
  }
  return longest;
}

// The requests charged in (from, to] that `keeps` takes. None from before a fresh start of all
// callers.
template <typename F>
Requests Select(const History& history, std::uint32_t caller, Nanos from, Nanos to, F keeps) {
  Requests selected;
  const std::uint64_t fresh = history.FreshSince(to);
  for (auto it = history.FirstFrom(from + Nanos{1}); it != history.requests().end() && it->at <= to;
       ++it) {
    if (it->id >= fresh && Charged(*it, caller) && keeps(*it)) selected.push_back(&*it);
  }
  return selected;
}

}  // namespace

std::vector<WindowBar> WindowBars(const History& history, std::uint32_t caller, Nanos from,
                                  Nanos to) {
  std::vector<WindowBar> bars;
  // A window that began before `from` may count requests from before it.
  for (auto it = history.FirstFrom(from - LongestTraceIn(history));
       it != history.requests().end() && it->at <= to; ++it) {
    if (!Charged(*it, caller)) continue;
    const auto bar = WindowOf(*it);
    if (!bar || bar->end <= from) continue;
    if (!bars.empty() && bars.back().start == bar->start && bars.back().end == bar->end) {
      bars.back() = *bar;
    } else {
      bars.push_back(*bar);
    }
  }
  return bars;
}

BusySpan BusiestSpan(const History& history, std::uint32_t caller, Nanos from, Nanos to,
                     Nanos length) {
  BusySpan busiest{from, to, 0};
  std::int64_t units = 0;
  auto first = history.FirstFrom(from - length);
  for (auto it = first; it != history.requests().end() && it->at <= to; ++it) {
    if (!Charged(*it, caller)) continue;
    units += it->cost;
    // Whole microseconds, as windows and logs count time.
    for (; ToMicros(first->at) <= ToMicros(it->at) - length; ++first) {
      if (Charged(*first, caller)) units -= first->cost;
    }
    if (it->at >= from && units > busiest.units) busiest = {it->at - length, it->at, units};
  }
  return busiest;
}

Requests ChargedRequests(const History& history, std::uint32_t caller, Nanos from, Nanos to) {
  return Select(history, caller, from, to, [](const Request&) { return true; });
}

Requests WaitingCalls(const History& history, std::uint32_t caller, Nanos now) {
  return Select(history, caller, now - LongestTraceIn(history), now,
                [now](const Request& request) { return request.Leaves() > now; });
}

Requests HoldingCalls(const History& history, std::uint32_t caller, Nanos now) {
  return Select(history, caller, now - LongestTraceIn(history), now,
                [now](const Request& request) { return request.HeldUntil() > now; });
}

}  // namespace sluice::sim
