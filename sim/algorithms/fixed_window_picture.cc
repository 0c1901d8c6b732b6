// Fixed window: the counts of this and earlier windows, as columns under the limit.
#include <algorithm>
#include <string>
#include <vector>

#include "model/duration.h"
#include "model/pictures.h"
#include "picture.h"

namespace sluice::sim {
namespace {

constexpr int kColumns = 3;

struct Columns {
  Rect plot;
  double top;

  float Y(double count) const {
    return plot.bottom() - static_cast<float>(std::min(count / top, 1.0)) * plot.height;
  }
};

void DrawColumn(const Scene& scene, const Columns& columns, float x, float width,
                const WindowBar& bar, bool current) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const float y = columns.Y(static_cast<double>(bar.count));
  const Rect column{x, y, width, columns.plot.bottom() - y};
  scene.pen.Fill(column, current ? palette.water : Faded(palette.water, 0.4F), look.Px(3));
  scene.pen.Text(current ? look.fonts.strong : look.fonts.small, x + width / 2, y - look.Px(19),
                 current ? palette.text : palette.muted, ShortCount(bar.count), Align::kCentre);
  scene.pen.Text(look.fonts.small, x + width / 2, columns.plot.bottom() + look.Px(10),
                 palette.muted, FormatNumber(ToSeconds(bar.start), 1) + " s", Align::kCentre);
  if (!current) return;
  // The elapsed part of the window.
  const Nanos length = bar.end - bar.start;
  const double passed = ToSeconds(scene.now() - bar.start) / ToSeconds(length);
  const Rect time{x, columns.plot.bottom() + look.Px(3), width, look.Px(5)};
  scene.pen.Fill(time, palette.grid, look.Px(2));
  scene.pen.Fill(
      {time.x, time.y, static_cast<float>(std::clamp(passed, 0.0, 1.0)) * width, time.height},
      palette.inflow, look.Px(2));
}

}  // namespace

void DrawPicture(const FixedWindow& window, const Scene& scene) {
  const Look& look = scene.look;
  const Reading state = scene.simulation.StateOf(scene.caller);
  const std::int64_t count = state.numbers[1];
  const Nanos left = Micros{state.numbers[0]};
  const bool open = count > 0 || window.align() != FixedWindow::Align::kFirstRequest;
  const std::string ends =
      "ends in " + FormatDuration(std::chrono::round<std::chrono::milliseconds>(left));
  const Rect rest =
      DrawHeadline(scene, ShortCount(count), FormatShort(static_cast<double>(window.limit())),
                   open ? ends : "the next request opens one");

  std::vector<WindowBar> bars =
      WindowBars(scene.simulation.history(), scene.caller,
                 std::max(Nanos{0}, scene.now() - 4 * Nanos{window.window()}), scene.now());
  if (bars.empty() || bars.back().end <= scene.now()) {
    const Nanos start = open ? scene.now() + left - Nanos{window.window()} : scene.now();
    if (open) bars.push_back({start, scene.now() + left, 0, window.limit()});
  }
  if (bars.size() > kColumns) bars.erase(bars.begin(), bars.end() - kColumns);

  const float labels = look.Px(30);
  const float head = look.Px(24);
  const Rect plot{rest.x + look.Px(40), rest.y + head, rest.width - look.Px(46),
                  std::max(rest.height - labels - head, look.Px(24))};
  const Columns columns{plot, static_cast<double>(window.limit())};
  DrawScaleLeft(scene, plot, window.limit());
  scene.pen.Line(plot.x, plot.bottom(), plot.right(), plot.bottom(), scene.palette().muted, 1.5F);
  const float pitch = plot.width / kColumns;
  float x = plot.right() - static_cast<float>(bars.size()) * pitch;
  for (const WindowBar& bar : bars) {
    DrawColumn(scene, columns, x + look.Px(6), pitch - look.Px(12), bar, bar.end > scene.now());
    x += pitch;
  }
  scene.pen.DashedLine(plot.x, plot.right(), plot.y, scene.palette().text);
  DrawCaption(scene, "windows, by when they start");
}

}  // namespace sluice::sim
