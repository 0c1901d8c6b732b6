// The bucket: how many tokens it holds, what flows in, what was taken just now.
#include <algorithm>
#include <cmath>
#include <string>

#include "axis.h"
#include "model/duration.h"
#include "model/explain.h"
#include "model/series.h"
#include "panel.h"

namespace sluice::sim {
namespace {

// How long a taken token falls and a refused request is seen, in virtual time.
constexpr Nanos kTrace = std::chrono::milliseconds(700);

void DrawVessel(const Pen& pen, const Look& look, const Rect& vessel, const TatRule& rule,
                double level) {
  const Palette& palette = look.palette;
  const auto capacity = static_cast<double>(rule.capacity);
  const auto y_of = [&](double tokens) {
    return vessel.bottom() - static_cast<float>(tokens / capacity) * vessel.height;
  };
  const float surface = y_of(std::clamp(level, 0.0, capacity));
  pen.Fill(vessel, Faded(palette.grid, 0.5F), look.Px(6));
  if (surface < vessel.bottom() - 0.5F) {
    const Rect water{vessel.x, surface, vessel.width, vessel.bottom() - surface};
    pen.Fill(water, palette.water, look.Px(6));
  }
  pen.Line(vessel.x, surface, vessel.right(), surface, palette.water_edge, 2.5F);

  const int most = std::clamp(static_cast<int>(vessel.height / look.Px(24)), 1, 5);
  const double step = std::max(1.0, RoundStep(capacity, most));
  for (double tokens = 0; tokens <= capacity; tokens += step) {
    if (capacity - tokens < step * 0.6 && tokens != capacity) continue;  // the top has its own
    const float y = y_of(tokens);
    pen.Line(vessel.x - look.Px(5), y, vessel.x, y, palette.muted);
    pen.Text(look.fonts.small, vessel.x - look.Px(8), y - look.Px(9), palette.muted,
             FormatShort(tokens), Align::kRight);
  }
  pen.Line(vessel.x - look.Px(5), vessel.y, vessel.x, vessel.y, palette.text);
  pen.Text(look.fonts.small, vessel.x - look.Px(8), vessel.y - look.Px(9), palette.text,
           FormatShort(capacity), Align::kRight);

  // Open at the top.
  pen.Line(vessel.x, vessel.y - look.Px(6), vessel.x, vessel.bottom(), palette.muted, 2);
  pen.Line(vessel.right(), vessel.y - look.Px(6), vessel.right(), vessel.bottom(), palette.muted,
           2);
  pen.Line(vessel.x, vessel.bottom(), vessel.right(), vessel.bottom(), palette.muted, 2);
}

void DrawTaken(const Pen& pen, const Look& look, const Rect& vessel, const Simulation& simulation,
               std::uint32_t caller, float room) {
  const History& history = simulation.history();
  const Nanos now = simulation.now();
  const float middle = vessel.x + vessel.width / 2;
  Nanos last[2] = {Nanos::min() / 2, Nanos::min() / 2};
  for (auto it = history.FirstFrom(now - kTrace); it != history.requests().end(); ++it) {
    // Under a flood most would only lie on each other.
    const bool allowed = it->decision.allowed;
    if (it->caller != caller || it->at - last[allowed] < kTrace / 64) continue;
    last[allowed] = it->at;
    const auto age = static_cast<float>(ToSeconds(now - it->at) / ToSeconds(kTrace));
    // Neighbours in time do not hide each other: each falls in a lane of its own.
    const float lane = (static_cast<float>(it->id % 5) - 2) * 0.19F * vessel.width;
    const float y = vessel.bottom() + look.Px(9) + age * (room - look.Px(14));
    pen.Mark(allowed, middle + lane, y, look.Px(5), 1 - 0.75F * age);
  }
}

}  // namespace

void DrawBucket(const Rect& rect, const Simulation& simulation, const View& view,
                const Look& look) {
  const Panel panel("bucket", rect, look, "Tokens in the bucket");
  const Rect& at = panel.content();
  const Pen& pen = panel.pen();
  const Palette& palette = look.palette;
  const TokenBucket& bucket = simulation.scenario().bucket;
  const TatRule& rule = bucket.rule();
  const Nanos backlog = simulation.Look(view.watched).reset_after;
  const Nanos room = rule.Span() - backlog;
  const float middle = at.x + at.width / 2;

  // The number first: it is what the picture shows.
  const bool large = rule.capacity > 9999;
  const std::string level = large ? FormatShort(std::max(LevelOf(rule, backlog), 0.0))
                                  : FormatTokens(rule, std::max(room, Nanos{0}));
  const std::string of = " of " + FormatShort(static_cast<double>(rule.capacity));
  const float level_width = Pen::Width(look.fonts.number, level);
  const float width = level_width + Pen::Width(look.fonts.body, of);
  const float number_x = std::max(at.x, middle - width / 2);
  pen.Text(look.fonts.number, number_x, at.y - look.Px(2), palette.text, level);
  pen.Text(look.fonts.body, number_x + level_width, at.y + look.Px(20), palette.muted, of);

  std::string state = "full";
  if (room < rule.interval) {
    state = "next token in " + FormatIn(rule.interval - room, TimeUnit::kMillis, 1);
  } else if (backlog > Nanos{0}) {
    state =
        "full again in " + FormatDuration(std::chrono::round<std::chrono::milliseconds>(backlog));
  }
  // In a low window the picture keeps to the bucket and its inflow.
  const bool roomy = at.height > look.Px(240);
  if (roomy) {
    pen.Text(look.fonts.small, middle, at.y + look.Px(45), palette.muted, state, Align::kCentre);
  }
  const float arrow_top = at.y + look.Px(roomy ? 70 : 44);
  const float vessel_top = arrow_top + look.Px(38);
  const float fall = look.Px(44);
  const float below = roomy ? fall + look.Px(16) : look.Px(6);
  const Rect vessel{at.x + look.Px(40), vessel_top, at.width - look.Px(58),
                    std::max(at.bottom() - below - vessel_top, look.Px(24))};

  const bool full = backlog == Nanos{0};
  const float arrow_x = vessel.x + look.Px(16);
  pen.ArrowDown(arrow_x, arrow_top, vessel_top - look.Px(2), look.Px(18),
                full ? palette.muted : palette.inflow);
  const double a_second = RefillPerSecond(bucket);
  const std::string rate =
      a_second >= 0.1 ? FormatShort(a_second) + "/s" : "1 in " + FormatDuration(rule.interval);
  pen.Text(look.fonts.strong, arrow_x + look.Px(16), arrow_top - look.Px(4),
           full ? palette.muted : palette.inflow, "+" + rate);
  pen.Text(look.fonts.small, arrow_x + look.Px(16), arrow_top + look.Px(14), palette.muted,
           full ? "refill overflows" : "refill");

  DrawVessel(pen, look, vessel, rule, LevelOf(rule, backlog));
  if (!roomy) return;
  DrawTaken(pen, look, vessel, simulation, view.watched, fall);
  pen.Text(look.fonts.small, middle, at.bottom() - look.Px(14), palette.muted,
           "requests of the last 0.7 s", Align::kCentre);
}

}  // namespace sluice::sim
