// GCRA: the theoretical arrival time on an axis from now to its limit. Below it, the last requests:
// the TAT that each met, and its new TAT.
#include <algorithm>
#include <string>

#include "model/duration.h"
#include "picture.h"

namespace sluice::sim {
namespace {

// Maps the time ahead of now to x; the axis is a little longer than the tolerance.
struct Ahead {
  Rect plot;
  double most;  // ns

  float X(double nanos) const {
    return plot.x + static_cast<float>(std::min(nanos / most, 1.22)) * plot.width / 1.22F;
  }
};

void DrawAxis(const Scene& scene, const Ahead& ahead, float top, Nanos tat, const TatRule& rule) {
  const Pen& pen = scene.pen;
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const float bar_top = top + look.Px(38);
  const float bar = look.Px(22);
  const float x = ahead.X(static_cast<double>(tat.count()));
  const float limit = ahead.X(ahead.most);
  // Free up to the limit; taken up to the TAT.
  pen.Fill({ahead.plot.x, bar_top, limit - ahead.plot.x, bar}, Faded(palette.grid, 0.8F),
           look.Px(3));
  pen.Fill({ahead.plot.x, bar_top, x - ahead.plot.x, bar}, palette.water, look.Px(3));
  pen.Line(x, bar_top - look.Px(4), x, bar_top + bar + look.Px(4), palette.water_edge, 2.5F);
  const std::string label = "TAT +" + FormatIn(tat, TimeUnit::kMillis, 0);
  const float half = Pen::Width(look.fonts.strong, label) / 2;
  pen.Text(
      look.fonts.strong,
      std::clamp(x, ahead.plot.x + half, std::max(ahead.plot.right() - half, ahead.plot.x + half)),
      top + look.Px(14), palette.inflow, label, Align::kCentre);

  const float below = bar_top + bar + look.Px(4);
  pen.Line(ahead.plot.x, bar_top - look.Px(4), ahead.plot.x, below, palette.text, 2);
  pen.Text(look.fonts.small, ahead.plot.x, below, palette.text, "now");
  pen.Line(limit, bar_top - look.Px(4), limit, below, palette.text, 2);
  pen.Text(look.fonts.small, limit, below, palette.text,
           "+" + FormatIn(rule.Span(), TimeUnit::kMillis, 0), Align::kCentre);
}

// One request: the TAT before it, its cost, and whether the sum passed the limit.
void DrawMove(const Scene& scene, const Ahead& ahead, float y, float height, const Request& request,
              float opacity) {
  const Pen& pen = scene.pen;
  const Palette& palette = scene.palette();
  const TatRule& rule = RuleOf(request.policy->algorithm);
  const bool allowed = request.decision.allowed;
  const auto backlog = static_cast<double>(request.before.numbers[0]);
  const double add = static_cast<double>(request.cost) * static_cast<double>(rule.interval.count());
  const float start = ahead.X(backlog);
  const float end = std::max(ahead.X(backlog + add), start + 2);
  const float bar = height * 0.55F;
  const float top = y - bar / 2;
  pen.Mark(allowed, ahead.plot.x - scene.look.Px(12), y, scene.look.Px(4.5F), opacity);
  pen.Fill({ahead.plot.x, top, start - ahead.plot.x, bar}, Faded(palette.water, 0.45F * opacity));
  if (allowed) {
    pen.Fill({start, top, end - start, bar}, Faded(palette.admitted, opacity));
  } else {
    pen.Frame({start, top, end - start, bar}, Faded(palette.denied, opacity));
  }
}

}  // namespace

void DrawPicture(const Gcra& gcra, const Scene& scene) {
  const Look& look = scene.look;
  const TatRule& rule = gcra.rule();
  const Nanos tat{scene.simulation.StateOf(scene.caller).numbers[0]};
  const Nanos room = std::max(Nanos{0}, rule.Span() - tat);
  const bool admits = room >= rule.interval;
  const Rect rest = DrawHeadline(
      scene, ShortCount(room / rule.interval), FormatShort(static_cast<double>(rule.capacity)),
      admits ? "could come at once"
             : "next in " + FormatIn(rule.interval - room, TimeUnit::kMillis, 1));

  const Ahead ahead{{rest.x + look.Px(22), rest.y, rest.width - look.Px(26), rest.height},
                    static_cast<double>(rule.Span().count())};
  DrawAxis(scene, ahead, rest.y - look.Px(10), tat, rule);
  if (!scene.roomy()) return;

  const float row = look.Px(17);
  float y = rest.y + look.Px(92);
  const float first = y;
  const History& history = scene.simulation.history();
  const std::uint64_t fresh = history.FreshSince(scene.now());
  auto it = history.FirstFrom(scene.now() + Nanos{1});
  for (; it != history.requests().begin() && y + row / 2 < rest.bottom();) {
    --it;
    if (it->id < fresh) break;
    if (it->caller != scene.caller) continue;
    DrawMove(scene, ahead, y, row, *it, 1);
    y += row;
  }
  if (y > first) {
    const float limit = ahead.X(ahead.most);
    scene.pen.Line(limit, first - row / 2 - look.Px(2), limit, y - row / 2 + look.Px(2),
                   scene.palette().text, 1.5F);
  }
  DrawCaption(scene, "the last requests, newest first");
}

}  // namespace sluice::sim
