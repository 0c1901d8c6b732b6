// Offered and admitted rates as bars below the timeline's axis.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "axis.h"
#include "model/algorithm_info.h"
#include "model/describe.h"
#include "model/duration.h"
#include "model/series.h"
#include "panel.h"

namespace sluice::sim {
namespace {

// Ten bars: one second each if the charts show ten seconds.
Nanos WidthOf(const View& view) { return view.window / 10; }

void DrawLegend(const Panel& panel, const Look& look, const char* pace) {
  const Pen& pen = panel.pen();
  const float y = panel.content().y - look.Px(24);
  const Rect box{0, y + look.Px(4), look.Px(11), look.Px(11)};
  float x = panel.content().right();
  const auto label = [&](const char* text) {
    x -= Pen::Width(look.fonts.small, text);
    pen.Text(look.fonts.small, x, y, look.palette.muted, text);
    x -= look.Px(17);
  };
  if (pace != nullptr) {
    label(pace);
    pen.DashedLine(x - look.Px(8), x + look.Px(11), y + look.Px(9), look.palette.text);
    x -= look.Px(22);
  }
  label("admitted");
  pen.Fill({x, box.y, box.width, box.height}, look.palette.admitted, look.Px(2));
  x -= look.Px(14);
  label("offered");
  pen.Frame({x, box.y, box.width, box.height}, look.palette.offered, look.Px(2));
}

// The means over the visible time, in words.
void DrawSummary(const Pen& pen, const Rect& at, const Simulation& simulation, const View& view,
                 const Look& look) {
  const Nanos now = simulation.now();
  const Nanos past = std::min(now, view.window);
  std::string text = "No time has passed yet.";
  if (past > Nanos{0}) {
    const RateBucket sum = RateOver(simulation.history(), view.watched, now - past, now);
    const auto mean = [past](std::int64_t units) {
      return FormatNumber(static_cast<double>(units) / ToSeconds(past), 1);
    };
    const std::string rates = mean(sum.offered) + " offered, " + mean(sum.admitted) + " admitted";
    const std::string span = FormatDuration(std::chrono::round<std::chrono::milliseconds>(past));
    text = "last " + span + ": " + rates + " a second";
    const ChosenPolicy& policy = simulation.policy();
    if (const auto pace = PacePerSecond(policy)) {
      text.append("; ").append(policy.info().pace).append(" ").append(FormatNumber(*pace, 1));
    }
    if (Pen::Width(look.fonts.small, text) > at.width) text = rates;
  }
  pen.Text(look.fonts.small, at.x, at.y - look.Px(2), look.palette.text, text);
}

}  // namespace

void DrawRates(const Rect& rect, const Simulation& simulation, const View& view, const Look& look) {
  const ChosenPolicy& policy = simulation.policy();
  const std::optional<double> pace = PacePerSecond(policy);
  // The legend needs room beside the title.
  const bool narrow = rect.width < look.Px(345);
  const std::string units(policy.info().units);
  const Panel panel("rates", rect, look, narrow ? units + "/s" : "Rates, " + units + "/s");
  const Rect& at = panel.content();
  const Pen& pen = panel.pen();
  const Palette& palette = look.palette;
  const History& history = simulation.history();
  const Nanos now = simulation.now();
  if (rect.width >= look.Px(290)) {
    DrawLegend(panel, look, pace ? policy.info().pace.data() : nullptr);
  }

  const TimeAxis axis(at, now, view, look);
  const Nanos width = WidthOf(view);
  const std::vector<RateBucket> buckets =
      RateBuckets(history, view.watched, axis.from(), now, width);
  const auto rate_of = [width](std::int64_t units_of_bar) {
    return static_cast<double>(units_of_bar) / ToSeconds(width);
  };
  double highest = 1 / ToSeconds(width);
  for (const RateBucket& bucket : buckets) highest = std::max(highest, rate_of(bucket.offered));
  // The policy's rate gets a line only if it does not dwarf the traffic.
  const bool shows_pace = pace && *pace <= 4 * highest;
  if (shows_pace) highest = std::max(highest, *pace);
  highest *= 1.15;

  const float labels = look.Px(18);
  const float summary = look.Px(20);
  const Rect plot{axis.left(), at.y + summary, axis.right() - axis.left(),
                  std::max(at.height - labels - summary, look.Px(16))};
  const auto y_of = [&](double rate) {
    return plot.bottom() - static_cast<float>(rate / highest) * plot.height;
  };

  const double step =
      RoundStep(highest, std::clamp(static_cast<int>(plot.height / look.Px(22)), 1, 4));
  for (double rate = 0; rate <= highest; rate += step) {
    pen.Line(plot.x, y_of(rate), plot.right(), y_of(rate), palette.grid);
    pen.Text(look.fonts.small, plot.x - look.Px(6), y_of(rate) - look.Px(9), palette.muted,
             FormatShort(rate), Align::kRight);
  }
  axis.Draw(pen, look, plot.bottom(), plot.bottom() + look.Px(1));

  for (const RateBucket& bucket : buckets) {
    const float left = std::max(axis.X(bucket.start) + look.Px(3), plot.x);
    const float right = std::min(axis.X(bucket.start + width) - look.Px(3), plot.right());
    if (bucket.offered == 0 || right - left < 2) continue;
    const float offered = y_of(rate_of(bucket.offered));
    const float admitted = y_of(rate_of(bucket.admitted));
    // The current bar is paler, because it will grow.
    const float opacity = bucket.start + width > now ? 0.45F : 1.0F;
    pen.Fill({left, offered, right - left, plot.bottom() - offered},
             Faded(palette.offered, 0.22F * opacity), look.Px(2));
    pen.Fill({left, admitted, right - left, plot.bottom() - admitted},
             Faded(palette.admitted, opacity), look.Px(2));
    pen.Frame({left, offered, right - left, plot.bottom() - offered},
              Faded(palette.offered, opacity), look.Px(2));
  }
  if (shows_pace) pen.DashedLine(plot.x, plot.right(), y_of(*pace), palette.text);

  DrawSummary(pen, at, simulation, view, look);
}

}  // namespace sluice::sim
