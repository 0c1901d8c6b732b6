// Token bucket: the tokens in it, the refill, and the latest costs.
#include <algorithm>
#include <string>

#include "model/describe.h"
#include "model/duration.h"
#include "model/used_curve.h"
#include "picture.h"

namespace sluice::sim {

void DrawPicture(const TokenBucket& bucket, const Scene& scene) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const TatRule& rule = bucket.rule();
  const Nanos backlog{scene.simulation.StateOf(scene.caller).numbers[0]};
  const Nanos room = rule.Span() - backlog;
  const double level =
      static_cast<double>(room.count()) / static_cast<double>(rule.interval.count());

  std::string state = "full";
  if (room < rule.interval) {
    state = "next token in " + FormatIn(rule.interval - room, TimeUnit::kMillis, 1);
  } else if (backlog > Nanos{0}) {
    state =
        "full again in " + FormatDuration(std::chrono::round<std::chrono::milliseconds>(backlog));
  }
  const std::string number = rule.capacity > 9999 ? FormatShort(std::max(level, 0.0))
                                                  : FormatTokens(rule, std::max(room, Nanos{0}));
  const Rect rest =
      DrawHeadline(scene, number, FormatShort(static_cast<double>(rule.capacity)), state);

  const float inflow = look.Px(38);
  const float fall = scene.roomy() ? look.Px(44) : look.Px(6);
  const Rect vessel{rest.x + look.Px(40), rest.y + inflow, rest.width - look.Px(58),
                    std::max(rest.height - inflow - fall, look.Px(24))};
  const bool full = backlog == Nanos{0};
  const ImU32 colour = full ? palette.muted : palette.inflow;
  const float arrow_x = vessel.x + look.Px(16);
  scene.pen.ArrowDown(arrow_x, rest.y, vessel.y - look.Px(2), look.Px(18), colour);
  const double a_second = *PacePerSecond(scene.simulation.policy());
  const std::string rate =
      a_second >= 0.1 ? FormatShort(a_second) + "/s" : "1 in " + FormatDuration(rule.interval);
  scene.pen.Text(look.fonts.strong, arrow_x + look.Px(16), rest.y - look.Px(4), colour, "+" + rate);
  scene.pen.Text(look.fonts.small, arrow_x + look.Px(16), rest.y + look.Px(14), palette.muted,
                 full ? "refill overflows" : "refill");

  DrawVessel(scene, vessel, level, rule.capacity);
  if (!scene.roomy()) return;
  DrawRecent(scene, vessel, vessel.bottom() + look.Px(9), vessel.bottom() + look.Px(39));
  DrawCaption(scene, "requests of the last 0.7 s");
}

}  // namespace sluice::sim
