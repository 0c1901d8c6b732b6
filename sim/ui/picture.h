// The shared parts of the pictures of a state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "algorithms/list.h"
#include "model/simulation.h"
#include "panel.h"

namespace sluice::sim {

/// The inputs of a picture.
struct Scene {
  const Pen& pen;
  const Look& look;
  const Simulation& simulation;
  std::uint32_t caller;
  Rect at;

  /// Whether there is room for extras; a low window shows only the essentials.
  bool roomy() const { return at.height > look.Px(240); }
  float middle() const { return at.x + at.width / 2; }
  const Palette& palette() const { return look.palette; }
  Nanos now() const { return simulation.now(); }
};

/// Draws the main number first, "12.40 of 20", and in a roomy window a line below it. Returns the
/// place left for the picture, without the caption's.
Rect DrawHeadline(const Scene& scene, const std::string& number, std::string_view limit,
                  const std::string& state);
/// A line at the bottom, in a roomy window only.
void DrawCaption(const Scene& scene, std::string_view text);

/// A count that is short enough for the headline.
std::string ShortCount(std::int64_t count);

/// The requests of the last 0.7 s, as marks that move from y = `start` to y = `end` and fade.
void DrawRecent(const Scene& scene, const Rect& vessel, float start, float end);

/// A vessel, open at the top and filled to `amount` of `limit`, with its scale.
void DrawVessel(const Scene& scene, const Rect& vessel, double amount, std::int64_t limit);
/// The scale of a vessel or a column chart: numbers left of it, 0 to `limit`.
void DrawScaleLeft(const Scene& scene, const Rect& plot, std::int64_t limit);

}  // namespace sluice::sim
