// The timeline: a curve of the used (or remaining) units, and every request as a mark.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "level_chart.h"
#include "model/algorithm_info.h"
#include "model/duration.h"
#include "model/used_curve.h"
#include "panel.h"

namespace sluice::sim {
namespace {

// The curve of a token bucket shows the units left, the others the units used.
bool ShowsLeft(const ChosenPolicy& policy) {
  return std::holds_alternative<TokenBucket>(policy.algorithm);
}

bool Shapes(const ChosenPolicy& policy) {
  const auto* bucket = std::get_if<LeakyBucket>(&policy.algorithm);
  return bucket != nullptr && bucket->mode() == LeakyBucket::Mode::kShape;
}

void DrawLegend(const Panel& panel, const ChosenPolicy& policy, const Look& look) {
  const Pen& pen = panel.pen();
  const float y = panel.content().y - look.Px(24);
  const float mark_y = y + look.Px(9);
  const ImU32 colour = look.palette.muted;
  float x = panel.content().right();
  const auto label = [&](const char* text) {
    x -= Pen::Width(look.fonts.small, text);
    pen.Text(look.fonts.small, x, y, colour, text);
    x -= look.Px(11);
  };
  label("denied");
  pen.DeniedMark(x, mark_y, look.Px(4.5F));
  x -= look.Px(18);
  label("admitted");
  pen.AdmittedMark(x, mark_y, look.Px(4.5F));
  x -= look.Px(18);
  if (Shapes(policy)) {
    label("leaves");
    pen.Line(x, mark_y - look.Px(5), x, mark_y + look.Px(5), look.palette.inflow, 2);
    x -= look.Px(14);
  }
  label(ShowsLeft(policy) ? "level" : "used");
  pen.Line(x - look.Px(14), mark_y, x + look.Px(5), mark_y, look.palette.water_edge, 2.5F);
}

void DrawScale(const LevelChart& chart, const ChosenPolicy& policy) {
  const auto limit = static_cast<double>(policy.limit());
  const Palette& palette = chart.look.palette;
  const int most = std::max(1, static_cast<int>(chart.plot.height / chart.look.Px(26)));
  const double step = std::max(1.0, RoundStep(limit, std::min(most, 5)));
  for (double level = 0; level < limit + step * 0.01; level += step) {
    if (level != limit && limit - level < step * 0.6) continue;
    const float y = chart.Y(level);
    chart.pen.Line(chart.axis.left(), y, chart.axis.right(), y, palette.grid);
    chart.pen.Text(chart.look.fonts.small, chart.axis.left() - chart.look.Px(6),
                   y - chart.look.Px(9), palette.muted, FormatShort(level), Align::kRight);
  }
  const float y = chart.Y(limit);
  chart.pen.DashedLine(chart.axis.left(), chart.axis.right(), y, palette.muted);
  chart.pen.Text(chart.look.fonts.small, chart.axis.right(), y - chart.look.Px(18), palette.muted,
                 std::string(policy.info().most) + " " + FormatCount(policy.limit()),
                 Align::kRight);
}

// Keeps only the first, lowest, highest and last point of each pixel column.
std::vector<ImVec2> ToPixels(const LevelChart& chart, const std::vector<UsedPoint>& curve) {
  std::vector<ImVec2> pixels;
  std::size_t column_start = 0;
  const bool dense = static_cast<float>(curve.size()) > 4 * chart.plot.width;
  for (const UsedPoint& point : curve) {
    const ImVec2 at{chart.axis.X(point.at), chart.Y(point.used)};
    const bool same_column =
        dense && !pixels.empty() && std::floor(pixels[column_start].x) == std::floor(at.x);
    if (!same_column) {
      column_start = pixels.size();
    } else if (pixels.size() - column_start >= 4) {
      pixels[column_start + 1].y = std::min(pixels[column_start + 1].y, pixels.back().y);
      pixels[column_start + 2].y = std::max(pixels[column_start + 2].y, pixels.back().y);
      pixels.back() = at;
      continue;
    }
    pixels.push_back(at);
  }
  return pixels;
}

void DrawCurve(const LevelChart& chart, const std::vector<UsedPoint>& curve) {
  if (curve.empty()) return;
  const std::vector<ImVec2> line = ToPixels(chart, curve);
  ImDrawList* list = chart.pen.list();
  // Anti-aliased edges would show as seams between the strips.
  const ImDrawListFlags flags = list->Flags;
  list->Flags &= ~ImDrawListFlags_AntiAliasedFill;
  const ImU32 fill = Faded(chart.look.palette.water, 0.35F);
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i].x == line[i - 1].x) continue;
    list->AddQuadFilled({line[i - 1].x, chart.plot.bottom()}, line[i - 1], line[i],
                        {line[i].x, chart.plot.bottom()}, fill);
  }
  list->Flags = flags;
  chart.pen.Path(line, chart.look.palette.water_edge, 1.6F);
}

// Draws the marks. Returns the id of the one under the mouse, or 0.
std::uint64_t DrawMarks(const LevelChart& chart, const History& history, const View& view,
                        std::uint64_t explained, float admitted_y, float denied_y) {
  const float size = chart.look.Px(4);
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  std::uint64_t hovered = 0;
  float nearest = chart.look.Px(8);
  // Marks closer than this look like one, so most need not be drawn at high rates.
  float last_x[2] = {-1e9F, -1e9F};
  for (auto it = history.FirstFrom(chart.axis.from()); it != history.requests().end(); ++it) {
    if (it->caller != view.watched) continue;
    const bool allowed = it->decision.allowed;
    const float x = chart.axis.X(it->at);
    const float y = allowed ? admitted_y : denied_y;
    if (const float away = std::hypot(mouse.x - x, mouse.y - y); away < nearest) {
      nearest = away;
      hovered = it->id;
    }
    if (it->id == explained) chart.pen.Ring(x, y, size + chart.look.Px(4), chart.look.palette.text);
    if (it->origin == Origin::kPerson) {
      chart.pen.Mark(allowed, x, y, size * 1.5F);
    } else if (x - last_x[allowed] >= 0.5F) {
      chart.pen.Mark(allowed, x, y, size, 0.85F);
      last_x[allowed] = x;
    }
  }
  return hovered;
}

}  // namespace

void DrawTimeline(const Rect& rect, const Simulation& simulation, View& view, const Look& look) {
  const Panel panel("timeline", rect, look, "Timeline");
  const Rect& at = panel.content();
  const Pen& pen = panel.pen();
  const History& history = simulation.history();
  const ChosenPolicy& policy = simulation.policy();
  // On a narrower panel it would cover the title.
  if (rect.width >= look.Px(Shapes(policy) ? 360 : 290)) DrawLegend(panel, policy, look);

  const TimeAxis axis(at, simulation.now(), view, look);
  const float lane = look.Px(22);
  const float labels = look.Px(18);
  const float lanes = Shapes(policy) ? 2 * lane : lane;
  const float top = at.y + lanes + look.Px(6);
  const Rect plot{axis.left(), top, axis.right() - axis.left(),
                  std::max(at.bottom() - labels - lane - top, look.Px(20))};
  const auto limit = static_cast<double>(policy.limit());
  const LevelChart chart{pen, look, axis, plot, limit * 1.08};

  const float admitted_y = at.y + lane / 2;
  const float denied_y = plot.bottom() + lane / 2;
  const Nanos now = simulation.now();
  DrawWindowFrames(chart, simulation, view.watched);
  axis.Draw(pen, look, at.y, plot.bottom() + lane);
  DrawScale(chart, policy);
  std::vector<UsedPoint> curve = UsedCurve(history, view.watched, axis.from(), now);
  if (ShowsLeft(policy)) {
    for (UsedPoint& point : curve) point.used = limit - point.used;
  }
  DrawCurve(chart, curve);
  if (!curve.empty()) {
    pen.list()->AddCircleFilled({axis.X(now), chart.Y(curve.back().used)}, look.Px(4),
                                look.palette.water_edge);
  }
  DrawBusiestSpan(chart, simulation, view.watched);
  if (Shapes(policy)) DrawDepartures(chart, simulation, view.watched, admitted_y + lane);

  const Request* last = history.LastBefore(view.watched, now + Nanos{1});
  const std::uint64_t explained =
      view.selected != 0 ? view.selected : (last != nullptr ? last->id : 0);
  const std::uint64_t hovered = DrawMarks(chart, history, view, explained, admitted_y, denied_y);
  if (hovered != 0 && ImGui::IsWindowHovered()) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    if (ImGui::IsMouseClicked(ImGuiMouseButton_Left)) view.selected = hovered;
  }
}

}  // namespace sluice::sim
