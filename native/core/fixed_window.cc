// Window boundaries and readings.
#include "core/fixed_window.h"

#include "window_tag.h"

namespace sluice {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr Micros kMonth = days(31);

// The first of the month of `now` plus `ahead` months.
Micros FirstOfMonth(Micros now, int ahead) {
  const year_month_day date(sys_days(floor<days>(now)));
  const auto first = date.year() / date.month() / 1 + months(ahead);
  return sys_days(first).time_since_epoch();
}

}  // namespace

std::optional<FixedWindow> FixedWindow::Make(std::int64_t limit, Nanos window, Align align,
                                             PolicyFault& fault) {
  fault = PolicyFault::kNone;
  if (limit < 0 || limit > kLargestLimit) fault = PolicyFault::kCapacity;
  if (align == Align::kMonth) window = kMonth;
  if (!IsWindow(window)) fault = PolicyFault::kWindow;
  if (fault != PolicyFault::kNone) return std::nullopt;
  return FixedWindow(limit, WholeMicros(window), align);
}

std::string FixedWindow::StateTag() const {
  if (align_ == Align::kMonth) return "fw1.month";
  return "fw1." + WindowTag(window_) + (align_ == Align::kClock ? "c" : "");
}

char FixedWindow::letter() const {
  constexpr std::string_view kLetters = "fcm";  // in the order of Align
  return kLetters[static_cast<std::size_t>(align_)];
}

std::optional<FixedWindow> FixedWindow::WithLimit(std::int64_t limit) const {
  PolicyFault fault;
  return Make(limit, window_, align_, fault);
}

Micros FixedWindow::StartOf(Micros now) const {
  return align_ == Align::kMonth ? FirstOfMonth(now, 0) : WindowStart(now, window_);
}

Micros FixedWindow::EndOf(Micros start) const {
  return align_ == Align::kMonth ? FirstOfMonth(start, 1) : start + window_;
}

Reading FixedWindow::Read(const State& state, Micros now) const {
  const bool held = state.count > 0;
  Micros start = held ? std::max(now, state.start) : now;
  if (align_ != Align::kFirstRequest) {
    start = StartOf(start);
  } else if (held && now < EndOf(state.start)) {
    start = state.start;
  }
  const std::int64_t count = held && start == state.start ? state.count : 0;
  return {.numbers = {(EndOf(start) - now).count(), count, 0}, .blocked = {}};
}

FixedWindow::State FixedWindow::Store(const Reading& reading, Micros now) const {
  const Micros end = now + Micros{reading.numbers[0]};
  const Micros start = align_ == Align::kMonth ? FirstOfMonth(end - Micros{1}, 0) : end - window_;
  return {.start = start, .count = reading.numbers[1]};
}

Reading FixedWindow::GivenBack(Reading r, std::int64_t units, std::optional<std::int64_t> mark,
                               Micros now) const {
  if (mark && *mark != Mark(r, now)) return r;
  r.numbers[1] = std::max<std::int64_t>(0, r.numbers[1] - units);
  return r;
}

}  // namespace sluice
