// Leaky bucket: level and leak; as a queue, each waiting call and its departure time.
#include <algorithm>
#include <string>
#include <vector>

#include "model/describe.h"
#include "model/duration.h"
#include "model/pictures.h"
#include "picture.h"

namespace sluice::sim {
namespace {

// Draws the waiting calls in the vessel, the next to leave at the bottom.
void DrawQueue(const Scene& scene, const Rect& vessel, const TatRule& rule) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const Nanos now = scene.now();
  const auto span = static_cast<double>(rule.Span().count());
  const auto y_of = [&](Nanos until) {
    const double share = std::clamp(static_cast<double>(until.count()) / span, 0.0, 1.0);
    return vessel.bottom() - static_cast<float>(share) * vessel.height;
  };
  const Nanos backlog{scene.simulation.StateOf(scene.caller).numbers[0]};
  const float surface = y_of(backlog);
  float last_text = vessel.bottom() + look.Px(20);  // the start of the text below
  for (const Request* call : WaitingCalls(scene.simulation.history(), scene.caller, now)) {
    const Nanos left = call->Leaves() - now;
    const float bottom = y_of(left);
    const float top = y_of(left + call->cost * rule.interval);
    const Rect box{vessel.x + look.Px(4), top + 1, vessel.width * 0.22F, bottom - top - 2};
    if (box.height >= 2) {
      scene.pen.Fill(box, Faded(palette.panel, 0.5F), look.Px(2));
      scene.pen.Frame(box, palette.water_edge, look.Px(2));
    }
    // Low boxes show their time only while it stays readable.
    const float line = look.Px(16);
    const float y = std::min((top + bottom) / 2 - line / 2, vessel.bottom() - line);
    if (last_text - y < line || y < surface) continue;
    last_text = y;
    const float left_x = box.right() + look.Px(6);
    const std::string id = "#" + std::to_string(call->id);
    const std::string time = FormatIn(left, TimeUnit::kMillis, 0);
    const float time_x = vessel.right() - look.Px(6) - Pen::Width(look.fonts.small, time);
    scene.pen.Text(look.fonts.small, time_x, y, palette.text, time);
    if (left_x + Pen::Width(look.fonts.small, id) + look.Px(4) < time_x) {
      scene.pen.Text(look.fonts.small, left_x, y, palette.text, id);
    }
  }
}

}  // namespace

void DrawPicture(const LeakyBucket& bucket, const Scene& scene) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const TatRule& rule = bucket.rule();
  const Nanos backlog{scene.simulation.StateOf(scene.caller).numbers[0]};
  const bool shapes = bucket.mode() == LeakyBucket::Mode::kShape;
  const double used =
      static_cast<double>(backlog.count()) / static_cast<double>(rule.interval.count());

  std::string state = "empty";
  if (backlog > Nanos{0}) {
    const std::string left = FormatDuration(std::chrono::round<std::chrono::milliseconds>(backlog));
    state = shapes ? "a new call would wait " + left : "empty in " + left;
  }
  const std::string number =
      rule.capacity > 9999 ? FormatShort(used) : FormatTokens(rule, backlog, true);
  const Rect rest =
      DrawHeadline(scene, number, FormatShort(static_cast<double>(rule.capacity)), state);

  const float above = scene.roomy() ? look.Px(40) : look.Px(8);
  const float outflow = look.Px(34);
  const Rect vessel{rest.x + look.Px(40), rest.y + above, rest.width - look.Px(58),
                    std::max(rest.height - above - outflow, look.Px(24))};
  DrawVessel(scene, vessel, used, rule.capacity);
  if (shapes) DrawQueue(scene, vessel, rule);

  const bool empty = backlog == Nanos{0};
  const ImU32 colour = empty ? palette.muted : palette.inflow;
  const float arrow_x = vessel.x + look.Px(16);
  scene.pen.ArrowDown(arrow_x, vessel.bottom() + look.Px(3), vessel.bottom() + outflow - look.Px(2),
                      look.Px(18), colour);
  const double a_second = *PacePerSecond(scene.simulation.policy());
  const std::string rate =
      a_second >= 0.1 ? FormatShort(a_second) + "/s" : "1 in " + FormatDuration(rule.interval);
  scene.pen.Text(look.fonts.strong, arrow_x + look.Px(16), vessel.bottom() + look.Px(7), colour,
                 "\u2212" + rate);
  if (!scene.roomy()) return;
  // New marks appear at the top and sink towards the vessel.
  DrawRecent(scene, vessel, rest.y + look.Px(4), vessel.y - look.Px(10));
  DrawCaption(scene, shapes ? "calls, and when they leave" : "requests of the last 0.7 s");
}

}  // namespace sluice::sim
