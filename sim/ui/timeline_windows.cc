// The timeline's extras for windows and queues.
#include <string>

#include "level_chart.h"
#include "model/describe.h"
#include "model/duration.h"
#include "model/pictures.h"

namespace sluice::sim {
namespace {

// Tints every other window and draws a line at each boundary.
void DrawBoundaries(const LevelChart& chart, const std::vector<WindowBar>& bars) {
  const Palette& palette = chart.look.palette;
  bool tinted = false;
  for (const WindowBar& bar : bars) {
    const float left = chart.ClampedX(bar.start);
    const float right = chart.ClampedX(bar.end);
    if (right - left < 3) continue;  // too narrow to see
    if (tinted) {
      chart.pen.Fill({left, chart.plot.y, right - left, chart.plot.height},
                     Faded(palette.grid, 0.55F));
    }
    tinted = !tinted;
    for (const Nanos at : {bar.start, bar.end}) {
      if (at <= chart.axis.from() || at >= chart.axis.to()) continue;
      const float x = chart.axis.X(at);
      chart.pen.Line(x, chart.plot.y, x, chart.plot.bottom(), Faded(palette.muted, 0.55F), 1.2F);
    }
  }
}

std::vector<WindowBar> ClockWindows(const LevelChart& chart, Nanos window) {
  std::vector<WindowBar> bars;
  const auto most = static_cast<std::int64_t>(chart.plot.width / 3);
  if ((chart.axis.to() - chart.axis.from()) / window > most) return bars;
  for (Nanos at = chart.axis.from() / window * window; at < chart.axis.to(); at += window) {
    bars.push_back({at, at + window, 0, 0});
  }
  return bars;
}

// A frame of one window's length that ends now.
void DrawMovingFrame(const LevelChart& chart, Nanos now, Nanos window) {
  const float left = chart.ClampedX(now - window);
  const float right = chart.ClampedX(now);
  const Rect frame{left, chart.plot.y, right - left, chart.plot.height};
  chart.pen.Fill(frame, Faded(chart.look.palette.water, 0.16F));
  chart.pen.Frame(frame, Faded(chart.look.palette.water_edge, 0.8F), chart.look.Px(3));
}

}  // namespace

void DrawWindowFrames(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller) {
  const ChosenPolicy& policy = simulation.policy();
  const Nanos window = WindowOf(policy.algorithm);
  if (window == Nanos{0}) return;
  const Nanos now = simulation.now();
  if (const auto* fixed = std::get_if<FixedWindow>(&policy.algorithm)) {
    const bool by_clock = fixed->align() == FixedWindow::Align::kClock;
    DrawBoundaries(chart, by_clock
                              ? ClockWindows(chart, window)
                              : WindowBars(simulation.history(), caller, chart.axis.from(), now));
    return;
  }
  if (std::holds_alternative<SlidingWindow>(policy.algorithm)) {
    DrawBoundaries(chart, ClockWindows(chart, window));
  }
  DrawMovingFrame(chart, now, window);
}

void DrawBusiestSpan(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller) {
  const Nanos window = WindowOf(simulation.policy().algorithm);
  if (window == Nanos{0}) return;
  const BusySpan span =
      BusiestSpan(simulation.history(), caller, chart.axis.from(), simulation.now(), window);
  if (span.units == 0) return;
  const Look& look = chart.look;
  const bool over = span.units > simulation.policy().limit();
  const ImU32 colour = over ? look.palette.denied : look.palette.text;
  const std::string text = "most in any " + FormatDuration(window) + ": " + FormatCount(span.units);
  const float left = chart.ClampedX(span.from);
  const float right = chart.ClampedX(span.to);
  const float half = Pen::Width(look.fonts.small, text) / 2 + look.Px(5);
  const float middle = std::clamp((left + right) / 2, chart.plot.x + half,
                                  std::max(chart.plot.right() - half, chart.plot.x + half));
  // A bracket with its text over the curve.
  const float y = chart.plot.bottom() - chart.plot.height * 0.5F;
  const Rect box{middle - half, y - look.Px(24), 2 * half, look.Px(19)};
  chart.pen.Line(left, y, right, y, colour, 2.5F);
  chart.pen.Line(left, y - look.Px(6), left, y + look.Px(6), colour, 2);
  chart.pen.Line(right, y - look.Px(6), right, y + look.Px(6), colour, 2);
  if (box.width > chart.plot.width) return;
  chart.pen.Fill(box, Faded(look.palette.panel, 0.9F), look.Px(3));
  chart.pen.Text(look.fonts.small, middle, box.y + look.Px(1), colour, text, Align::kCentre);
}

void DrawDepartures(const LevelChart& chart, const Simulation& simulation, std::uint32_t caller,
                    float y) {
  const History& history = simulation.history();
  // The longest delay is a full bucket.
  const Nanos before = RuleOf(simulation.policy().algorithm).Span();
  float last = -1e9F;
  for (auto it = history.FirstFrom(chart.axis.from() - before); it != history.requests().end();
       ++it) {
    if (it->caller != caller || !it->decision.allowed || it->Leaves() < chart.axis.from()) continue;
    if (it->Leaves() > simulation.now()) continue;
    const float x = chart.axis.X(it->Leaves());
    if (x - last < 1) continue;
    chart.pen.Line(x, y - chart.look.Px(5), x, y + chart.look.Px(5), chart.look.palette.inflow, 2);
    last = x;
  }
}

}  // namespace sluice::sim
