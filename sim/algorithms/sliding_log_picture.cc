// Sliding log: a mark for each admitted call, and a frame of the last window, which moves on. A
// mark's height is the sum up to it, so the last one shows the sum beside the limit. Marks outside
// the frame no longer count.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/duration.h"
#include "model/pictures.h"
#include "picture.h"

namespace sluice::sim {
namespace {

void DrawMarks(const Scene& scene, const Rect& frame, float left, const SlidingLog& log,
               const Requests& marks) {
  const float size = scene.look.Px(4);
  const Nanos window = log.window();
  std::int64_t sum = 0;
  ImVec2 last{-1e9F, -1e9F};
  for (const Request* mark : marks) {
    const Nanos age = scene.now() - mark->at;
    const double share = ToSeconds(age) / ToSeconds(window);
    const float x = frame.right() - static_cast<float>(share) * frame.width;
    if (age >= window) {
      // A mark outside the frame is only a ring.
      if (x > left && x - last.x >= 1) {
        scene.pen.Ring(x, frame.bottom() - size * 1.4F, size * 0.8F,
                       Faded(scene.palette().muted, 0.6F));
        last = {x, 0};
      }
      continue;
    }
    sum += mark->cost;
    const double height = static_cast<double>(sum) / static_cast<double>(log.limit());
    const float y = frame.bottom() - static_cast<float>(std::min(height, 1.0)) * frame.height;
    // Skips marks that would cover each other: there may be thousands.
    if (x - last.x < 1 && std::abs(y - last.y) < 1) continue;
    scene.pen.Line(x, frame.bottom(), x, y, Faded(scene.palette().water, 0.5F), 1.5F);
    scene.pen.AdmittedMark(x, y, size);
    last = {x, y};
  }
}

}  // namespace

void DrawPicture(const SlidingLog& log, const Scene& scene) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const Nanos window = log.window();
  const std::int64_t sum = scene.simulation.StateOf(scene.caller).numbers[0];
  const Requests marks = ChargedRequests(scene.simulation.history(), scene.caller,
                                         scene.now() - window - window / 3, scene.now());
  const auto oldest = std::ranges::find_if(
      marks, [&](const Request* mark) { return mark->at > scene.now() - window; });
  const std::string state =
      oldest == marks.end()
          ? "the log is empty"
          : "the oldest leaves in " +
                FormatIn((*oldest)->at + window - scene.now(), TimeUnit::kMillis, 0);
  const Rect rest =
      DrawHeadline(scene, ShortCount(sum), FormatShort(static_cast<double>(log.limit())), state);

  const float labels = look.Px(24);
  const float head = look.Px(12);
  const Rect plot{rest.x + look.Px(38), rest.y + head, rest.width - look.Px(42),
                  std::max(rest.height - labels - head, look.Px(24))};
  const Rect frame{plot.x + plot.width * 0.2F, plot.y, plot.width * 0.8F, plot.height};
  DrawScaleLeft(scene, plot, log.limit());
  scene.pen.Fill(frame, Faded(palette.water, 0.18F), look.Px(4));
  scene.pen.Frame(frame, palette.water_edge, look.Px(4));
  scene.pen.DashedLine(plot.x, plot.right(), plot.y, palette.text);
  scene.pen.Line(plot.x, plot.bottom(), plot.right(), plot.bottom(), palette.muted, 1.5F);
  DrawMarks(scene, frame, plot.x, log, marks);
  scene.pen.Text(look.fonts.small, frame.x, plot.bottom() + look.Px(5), palette.muted,
                 "\u2212" + FormatDuration(window), Align::kCentre);
  scene.pen.Text(look.fonts.small, frame.right(), plot.bottom() + look.Px(5), palette.text, "now",
                 Align::kRight);
  DrawCaption(scene, "admitted calls, added up");
}

}  // namespace sluice::sim
