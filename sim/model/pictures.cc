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

// Calls `f` with the requests charged at `now` or before, newest first. Stops at `from`, at the
// last fresh start of all callers, or when `f` returns false.
template <typename F>
void VisitBack(const History& history, std::uint32_t caller, Nanos from, Nanos now, F f) {
  const std::uint64_t fresh = history.FreshSince(now);
  const auto end = history.FirstFrom(now + Nanos{1});
  for (auto it = end; it != history.requests().begin();) {
    --it;
    if (it->at < from || it->id < fresh) break;
    if (Charged(*it, caller) && !f(*it)) break;
  }
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

std::vector<WaitingCall> WaitingCalls(const History& history, std::uint32_t caller, Nanos now) {
  std::vector<WaitingCall> waiting;
  // First in, first out: all calls before one that has left have left too.
  VisitBack(history, caller, Nanos{0}, now, [&](const Request& request) {
    if (request.Leaves() <= now) return false;
    waiting.push_back({request.id, request.cost, request.Leaves()});
    return true;
  });
  std::ranges::reverse(waiting);
  return waiting;
}

std::vector<LogMark> LogMarks(const History& history, std::uint32_t caller, Nanos from, Nanos to) {
  std::vector<LogMark> marks;
  VisitBack(history, caller, from + Nanos{1}, to, [&](const Request& request) {
    marks.push_back({request.id, request.at, request.cost});
    return true;
  });
  std::ranges::reverse(marks);
  return marks;
}

std::vector<HeldSlot> HeldSlots(const History& history, std::uint32_t caller, Nanos now) {
  std::vector<HeldSlot> slots;
  VisitBack(history, caller, now - LongestTraceIn(history), now, [&](const Request& request) {
    const auto* policy = std::get_if<Concurrency>(&request.policy->algorithm);
    if (policy != nullptr && request.HeldUntil() > now) {
      slots.push_back(
          {request.id, request.slot, request.at, request.HeldUntil(), request.at + policy->ttl()});
    }
    return true;
  });
  std::ranges::reverse(slots);
  return slots;
}

}  // namespace sluice::sim
