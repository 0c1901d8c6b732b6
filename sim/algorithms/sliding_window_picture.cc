// Sliding window: the previous and the current window as columns on the time axis, under a frame of
// one window's length. Beside them the estimate: the covered share, plus the current count.
#include <algorithm>
#include <string>

#include "model/duration.h"
#include "picture.h"

namespace sluice::sim {
namespace {

struct Counts {
  double limit;
  double current;
  double previous;
  double share;    // of the previous window, as counted
  double overlap;  // 0 to 1: the part of the previous window that the frame covers
};

// Drawn over lines below it.
void Label(const Scene& scene, float x, float y, double count, ImU32 colour) {
  const float half = Pen::Width(scene.look.fonts.small, FormatShort(count)) / 2 + scene.look.Px(3);
  scene.pen.Fill({x - half, y - scene.look.Px(18), 2 * half, scene.look.Px(17)},
                 scene.palette().panel);
  scene.pen.Text(scene.look.fonts.small, x, y - scene.look.Px(18), colour, FormatShort(count),
                 Align::kCentre);
}

// Slanted lines mark counted parts without colour.
void Hatch(const Scene& scene, const Rect& rect, ImU32 colour) {
  ImDrawList* list = scene.pen.list();
  list->PushClipRect({rect.x, rect.y}, {rect.right(), rect.bottom()}, true);
  const float step = scene.look.Px(6);
  for (float x = rect.x - rect.height; x < rect.right(); x += step) {
    scene.pen.Line(x, rect.bottom(), x + rect.height, rect.y, colour, 1.2F);
  }
  list->PopClipRect();
}

void DrawWindows(const Scene& scene, const Rect& plot, const Counts& counts) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const float half = plot.width / 2;
  const float boundary = plot.x + half;
  const double top = counts.limit;
  const auto y_of = [&](double count) {
    return plot.bottom() - static_cast<float>(std::min(count / top, 1.0)) * plot.height;
  };
  const float covered = static_cast<float>(counts.overlap) * half;
  const float now = boundary + half - covered;

  const float before_y = y_of(counts.previous);
  scene.pen.Fill({plot.x, before_y, half - 1, plot.bottom() - before_y},
                 Faded(palette.water, 0.35F));
  const Rect overlap{boundary - covered, before_y, covered - 1, plot.bottom() - before_y};
  if (covered > 1) {
    scene.pen.Fill(overlap, palette.water);
    Hatch(scene, overlap, palette.water_edge);
  }
  const float current_y = y_of(counts.current);
  scene.pen.Fill(
      {boundary + 1, current_y, std::max(now - boundary - 1, 1.0F), plot.bottom() - current_y},
      palette.water);
  // The frame of the last W ends now.
  scene.pen.Frame({now - half, plot.y - look.Px(21), half, plot.height + look.Px(24)}, palette.text,
                  look.Px(3));
  scene.pen.Line(boundary, plot.y, boundary, plot.bottom() + look.Px(6), palette.muted, 1.5F);
  Label(scene, plot.x + half / 2, before_y, counts.previous, palette.text);
  Label(scene, boundary + half / 2, current_y, counts.current, palette.text);
  scene.pen.Text(look.fonts.small, now, plot.bottom() + look.Px(5), palette.text, "now",
                 Align::kCentre);
}

void DrawEstimate(const Scene& scene, const Rect& column, const Counts& counts) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const auto height = [&](double count) {
    return static_cast<float>(std::min(count / counts.limit, 1.0)) * column.height;
  };
  scene.pen.Fill(column, Faded(palette.grid, 0.5F), look.Px(3));
  const float current = height(counts.current);
  const float both = height(counts.current + counts.share);
  const Rect share{column.x, column.bottom() - both, column.width, both - current};
  scene.pen.Fill({column.x, column.bottom() - current, column.width, current}, palette.water);
  if (share.height > 1) {
    scene.pen.Fill(share, palette.water);
    Hatch(scene, share, palette.water_edge);
  }
  scene.pen.Frame({column.x, column.bottom() - both, column.width, both}, palette.water_edge);
  Label(scene, column.x + column.width / 2, column.bottom() - both, counts.current + counts.share,
        palette.text);
}

}  // namespace

void DrawPicture(const SlidingWindow& window, const Scene& scene) {
  const Look& look = scene.look;
  const Reading state = scene.simulation.StateOf(scene.caller);
  const auto& [left, current, previous] = state.numbers;
  const std::int64_t estimate = window.Estimate(state);
  const double overlap =
      std::min(1.0, static_cast<double>(left) / static_cast<double>(window.window().count()));
  const std::string weighed = FormatNumber(100 * overlap, 0) + " % of " + ShortCount(previous) +
                              ", and " + ShortCount(current);
  const Rect rest = DrawHeadline(scene, ShortCount(estimate),
                                 FormatShort(static_cast<double>(window.limit())), weighed);
  const Counts counts{static_cast<double>(window.limit()), static_cast<double>(current),
                      static_cast<double>(previous), static_cast<double>(estimate - current),
                      overlap};

  const float head = look.Px(24);
  const float labels = look.Px(26);
  const float height = std::max(rest.height - head - labels, look.Px(24));
  const float side = look.Px(30);
  const Rect plot{rest.x + look.Px(38), rest.y + head, rest.width - look.Px(38 + 30 + 24), height};
  DrawScaleLeft(scene, plot, window.limit());
  scene.pen.DashedLine(plot.x, rest.right(), plot.y, scene.palette().text);
  DrawWindows(scene, plot, counts);
  DrawEstimate(scene, {rest.right() - side - look.Px(4), plot.y, side, height}, counts);
  scene.pen.Line(plot.x, plot.bottom(), rest.right(), plot.bottom(), scene.palette().muted, 1.5F);
  DrawCaption(scene, "right: the estimate");
}

}  // namespace sluice::sim
