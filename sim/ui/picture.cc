// Shared parts of the pictures: headlines, captions, vessels and marks.
#include "picture.h"

#include <algorithm>
#include <cmath>

#include "axis.h"
#include "model/duration.h"

namespace sluice::sim {
namespace {

// The time for which a request stays visible, in virtual time.
constexpr Nanos kTrace = std::chrono::milliseconds(700);

}  // namespace

Rect DrawHeadline(const Scene& scene, const std::string& number, std::string_view limit,
                  const std::string& state) {
  const Look& look = scene.look;
  const Rect& at = scene.at;
  const std::string of = " of " + std::string(limit);
  const float number_width = Pen::Width(look.fonts.number, number);
  const float width = number_width + Pen::Width(look.fonts.body, of);
  const float x = std::max(at.x, scene.middle() - width / 2);
  scene.pen.Text(look.fonts.number, x, at.y - look.Px(2), look.palette.text, number);
  scene.pen.Text(look.fonts.body, x + number_width, at.y + look.Px(20), look.palette.muted, of);
  float top = at.y + look.Px(44);
  float bottom = at.bottom();
  if (scene.roomy()) {
    scene.pen.Text(look.fonts.small, scene.middle(), at.y + look.Px(45), look.palette.muted, state,
                   Align::kCentre);
    top += look.Px(26);
    bottom -= look.Px(18);
  }
  return {at.x, top, at.width, std::max(bottom - top, look.Px(24))};
}

void DrawCaption(const Scene& scene, std::string_view text) {
  // Half a caption is worse than none.
  if (!scene.roomy() || Pen::Width(scene.look.fonts.small, text) > scene.at.width) return;
  scene.pen.Text(scene.look.fonts.small, scene.middle(), scene.at.bottom() - scene.look.Px(14),
                 scene.palette().muted, text, Align::kCentre);
}

std::string ShortCount(std::int64_t count) {
  return count > 9999 ? FormatShort(static_cast<double>(count)) : FormatCount(count);
}

void DrawRecent(const Scene& scene, const Rect& vessel, float start, float end) {
  const History& history = scene.simulation.history();
  const Nanos now = scene.now();
  const float middle = vessel.x + vessel.width / 2;
  Nanos last[2] = {Nanos::min() / 2, Nanos::min() / 2};
  for (auto it = history.FirstFrom(now - kTrace); it != history.requests().end(); ++it) {
    // In a flood most marks would only overlap.
    const bool allowed = it->decision.allowed;
    if (it->caller != scene.caller || it->at - last[allowed] < kTrace / 64) continue;
    last[allowed] = it->at;
    const auto age = static_cast<float>(ToSeconds(now - it->at) / ToSeconds(kTrace));
    // Each mark has its own lane, so that neighbours in time do not hide each other.
    const float lane = (static_cast<float>(it->id % 5) - 2) * 0.19F * vessel.width;
    scene.pen.Mark(allowed, middle + lane, start + age * (end - start), scene.look.Px(5),
                   1 - 0.75F * age);
  }
}

void DrawScaleLeft(const Scene& scene, const Rect& plot, std::int64_t limit) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const auto top = static_cast<double>(limit);
  const int most = std::clamp(static_cast<int>(plot.height / look.Px(24)), 1, 5);
  const double step = std::max(1.0, RoundStep(top, most));
  const auto tick = [&](double amount, ImU32 colour) {
    const float y = plot.bottom() - static_cast<float>(amount / top) * plot.height;
    scene.pen.Line(plot.x - look.Px(5), y, plot.x, y, colour);
    scene.pen.Text(look.fonts.small, plot.x - look.Px(8), y - look.Px(9), colour,
                   FormatShort(amount), Align::kRight);
  };
  // The top has its own tick.
  for (double amount = 0; top - amount >= step * 0.6; amount += step) tick(amount, palette.muted);
  tick(top, palette.text);
}

void DrawVessel(const Scene& scene, const Rect& vessel, double amount, std::int64_t limit) {
  const Pen& pen = scene.pen;
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  const double share = std::clamp(amount / static_cast<double>(limit), 0.0, 1.0);
  const float surface = vessel.bottom() - static_cast<float>(share) * vessel.height;
  pen.Fill(vessel, Faded(palette.grid, 0.5F), look.Px(6));
  if (surface < vessel.bottom() - 0.5F) {
    const Rect water{vessel.x, surface, vessel.width, vessel.bottom() - surface};
    pen.Fill(water, palette.water, look.Px(6));
  }
  pen.Line(vessel.x, surface, vessel.right(), surface, palette.water_edge, 2.5F);
  DrawScaleLeft(scene, vessel, limit);
  // Open at the top.
  const float rim = vessel.y - look.Px(6);
  pen.Line(vessel.x, rim, vessel.x, vessel.bottom(), palette.muted, 2);
  pen.Line(vessel.right(), rim, vessel.right(), vessel.bottom(), palette.muted, 2);
  pen.Line(vessel.x, vessel.bottom(), vessel.right(), vessel.bottom(), palette.muted, 2);
}

}  // namespace sluice::sim
