// Ticks of the time axis.
#include "axis.h"

#include <algorithm>
#include <cmath>

#include "model/duration.h"

namespace sluice::sim {

TimeAxis::TimeAxis(const Rect& content, Nanos now, const View& view, const Look& look)
    : from_(std::max(Nanos{0}, now - view.window)),
      to_(from_ + view.window),
      left_(content.x + look.Px(34)),
      right_(content.right() - look.Px(10)) {}

float TimeAxis::X(Nanos at) const {
  const double share =
      static_cast<double>((at - from_).count()) / static_cast<double>((to_ - from_).count());
  return left_ + static_cast<float>(share) * (right_ - left_);
}

void TimeAxis::Draw(const Pen& pen, const Look& look, float top, float y) const {
  const int most = std::max(2, static_cast<int>((right_ - left_) / look.Px(48)));
  const Nanos step = FromSeconds(RoundStep(ToSeconds(to_ - from_), most));
  const std::int64_t first = (from_.count() + step.count() - 1) / step.count();
  for (Nanos at = first * step; at <= to_; at += step) {
    const float x = X(at);
    pen.Line(x, top, x, y, look.palette.grid);
    pen.Text(look.fonts.small, x, y + look.Px(2), look.palette.muted,
             FormatNumber(ToSeconds(at), 3) + " s", Align::kCentre);
  }
}

double RoundStep(double range, int most) {
  double step = std::pow(10.0, std::floor(std::log10(range)) - 3);
  for (int i = 0; range / step > most; ++i) step *= i % 3 == 1 ? 2.5 : 2;
  return step;
}

}  // namespace sluice::sim
