// The estimate, and the wait until it is low enough.
#include "core/sliding_window.h"

#include "window_tag.h"

namespace sluice {
namespace {

constexpr std::int64_t kWhole = 1024;  // the weight of a window that still counts in full

constexpr std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// The least time into a window at which `previous` units of the previous window weigh at most
// `room`; `window` if that never happens within it. room >= 0.
std::int64_t FirstFit(std::int64_t previous, std::int64_t room, std::int64_t window) {
  if (previous <= room) return 0;
  const std::int64_t weight = room * kWhole / previous;  // the largest that fits; below 1024
  // weight >= ceil((W - e) * 1024 / W)  iff  e >= W - floor(weight * W / 1024)
  return window - weight * window / kWhole;
}

}  // namespace

std::optional<SlidingWindow> SlidingWindow::Make(std::int64_t limit, Nanos window,
                                                 PolicyFault& fault) {
  fault = PolicyFault::kNone;
  if (limit < 0 || limit > kLargestLimit) fault = PolicyFault::kCapacity;
  if (!IsWindow(window)) fault = PolicyFault::kWindow;
  if (fault != PolicyFault::kNone) return std::nullopt;
  return SlidingWindow(limit, WholeMicros(window));
}

std::string SlidingWindow::StateTag() const { return "sw1." + WindowTag(window_); }

std::optional<SlidingWindow> SlidingWindow::WithLimit(std::int64_t limit) const {
  PolicyFault fault;
  return Make(limit, window_, fault);
}

Reading SlidingWindow::Read(const State& state, Micros now) const {
  const bool held = state.current > 0 || state.previous > 0;
  const Micros at = held ? std::max(now, state.start) : now;
  const Micros start = WindowStart(at, window_);
  std::int64_t current = 0;
  std::int64_t previous = 0;
  if (held && start == state.start) {
    current = state.current;
    previous = state.previous;
  } else if (held && start == state.start + window_) {
    previous = state.current;
  }
  return {.numbers = {(start + window_ - now).count(), current, previous}, .blocked = {}};
}

SlidingWindow::State SlidingWindow::Store(const Reading& reading, Micros now) const {
  return {.start = now + Micros{reading.numbers[0]} - window_,
          .current = reading.numbers[1],
          .previous = reading.numbers[2]};
}

std::int64_t SlidingWindow::Estimate(const Reading& r) const {
  const auto& [left, current, previous] = r.numbers;
  const std::int64_t window = window_.count();
  const std::int64_t weight = CeilDiv(std::min(left, window) * kWhole, window);
  return CeilDiv(previous * weight, kWhole) + current;
}

Nanos SlidingWindow::RetryAfter(const Reading& r, std::int64_t n) const {
  if (Fits(r, n)) return Nanos{0};
  const auto& [left, current, previous] = r.numbers;
  const std::int64_t window = window_.count();
  if (const std::int64_t room = limit_ - n - current; room >= 0) {
    // Fits is false, so this is in the future.
    return Micros{left - window + FirstFit(previous, room, window)};
  }
  return Micros{left + FirstFit(current, limit_ - n, window)};
}

Nanos SlidingWindow::ResetAfter(const Reading& r) const {
  const auto& [left, current, previous] = r.numbers;
  if (current > 0) return Micros{left} + window_;
  return previous > 0 ? Micros{left} : Micros{0};
}

Reading SlidingWindow::GivenBack(Reading r, std::int64_t units, std::optional<std::int64_t> mark,
                                 Micros now) const {
  const Micros start = Store(r, now).start;
  const auto take = [&r, &units](std::size_t from) {
    const std::int64_t taken = std::min(units, r.numbers[from]);
    r.numbers[from] -= taken;
    units -= taken;
  };
  if (!mark || Micros{*mark} == start) take(1);
  if (!mark || Micros{*mark} == start - window_) take(2);
  return r;
}

}  // namespace sluice
