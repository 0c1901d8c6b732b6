// Random costs and clocks.
#include "support/trace.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr std::int64_t kLargestCost = (std::int64_t{1} << 31) - 1;
constexpr Nanos kFurthestBack = days(2);

}  // namespace

std::int64_t RandomCost(Random& random, std::int64_t capacity) {
  const auto fit = [](std::int64_t cost) { return std::min(cost, kLargestCost); };
  switch (random.Between(0, 11)) {
    case 0:
      return 0;
    case 1:
      return fit(capacity);
    case 2:
      return fit(capacity + 1);
    case 3:
      return kLargestCost;
    case 4:
    case 5:
      return fit(capacity / random.Between(2, 4));
    case 6:
    case 7:
    case 8:
      return capacity == 0 ? 1 : fit(random.Magnitude(capacity));
    default:
      return 1;
  }
}

TraceClock::TraceClock(Random& random, Nanos tick) : tick_(tick) {
  constexpr std::array<seconds, 4> kStarts = {seconds(0), seconds(1'795'219'200),
                                              seconds(1'799'999'999), seconds(8'999'999)};
  now_ = kStarts[static_cast<std::size_t>(random.Between(0, 3))];
  now_ += Nanos{random.Magnitude(Nanos{seconds(1)}.count())};
  now_ -= now_ % tick_;
  newest_ = now_;
}

void TraceClock::Step(Random& random, std::span<const Decision> last) {
  const auto drawn = [&](Nanos high) { return Nanos{random.Magnitude(high.count())}; };
  const Decision hint = last.empty() ? Decision{}
                                     : last[static_cast<std::size_t>(random.Between(
                                           0, static_cast<std::int64_t>(last.size()) - 1))];
  switch (random.Between(0, 11)) {
    case 0:
    case 1:
      break;  // the same instant
    case 2:
    case 3:  // the time of a retry, or one tick too early
      if (hint.retry_after != kNever) now_ += hint.retry_after + tick_ - Nanos{1};
      if (random.OneIn(2)) now_ -= tick_;
      break;
    case 4:  // about the time of the reset
      now_ += hint.reset_after + tick_ - Nanos{1};
      if (random.OneIn(2)) now_ -= tick_;
      break;
    case 5:
    case 6:
      now_ += drawn(hint.reset_after + Nanos{1});
      break;
    case 7:
      now_ += drawn(days(30));
      break;
    case 8:
      now_ -= drawn(seconds(1));
      break;
    case 9:
      now_ -= drawn(kFurthestBack);
      break;
    default:
      now_ += drawn(seconds(10));
  }
  now_ = std::max({now_, newest_ - kFurthestBack, floor_});
  now_ -= now_ % tick_;
  newest_ = std::max(newest_, now_);
}

}  // namespace sluice::testing
