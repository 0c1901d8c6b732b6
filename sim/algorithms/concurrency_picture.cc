// Concurrency: the slots as boxes, each with its request and the time left.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/describe.h"
#include "model/duration.h"
#include "model/pictures.h"
#include "picture.h"

namespace sluice::sim {
namespace {

struct Grid {
  int columns = 1;
  int rows = 1;
  float width = 0;
  float height = 0;
};

// The largest boxes that fit, at most two lines of text high.
Grid Divide(const Scene& scene, const Rect& place, std::int64_t boxes) {
  const Look& look = scene.look;
  Grid grid;
  for (grid.columns = 2;; ++grid.columns) {
    grid.rows = static_cast<int>((boxes + grid.columns - 1) / grid.columns);
    grid.width = place.width / static_cast<float>(grid.columns);
    grid.height = std::min(place.height / static_cast<float>(grid.rows), look.Px(46));
    // Readable, or nearly square, or as small as a box can be.
    if (grid.height >= look.Px(24) || grid.height >= grid.width * 0.7F || grid.width < look.Px(9)) {
      return grid;
    }
  }
}

// `call`: null if the slot is free.
void DrawSlot(const Scene& scene, const Rect& box, const Request* call) {
  const Look& look = scene.look;
  const Palette& palette = look.palette;
  if (call == nullptr) {
    scene.pen.Frame(box, palette.border, look.Px(4));
    if (box.width > look.Px(60) && box.height > look.Px(18)) {
      scene.pen.Text(look.fonts.small, box.x + box.width / 2, box.y + box.height / 2 - look.Px(9),
                     palette.muted, "free", Align::kCentre);
    }
    return;
  }
  // The rest of the call's time, as a share of its hold time.
  const double left = ToSeconds(call->HeldUntil() - scene.now());
  const double whole = ToSeconds(call->held);
  scene.pen.Fill(box, Faded(palette.water, 0.3F), look.Px(4));
  scene.pen.Fill({box.x, box.y, box.width * static_cast<float>(std::clamp(left / whole, 0.0, 1.0)),
                  box.height},
                 Faded(palette.water, 0.75F), look.Px(4));
  scene.pen.Frame(box, palette.water_edge, look.Px(4));
  if (box.width < look.Px(60) || box.height < look.Px(18)) return;
  const bool two_lines = box.height >= look.Px(34);
  const float y = box.y + box.height / 2 - look.Px(two_lines ? 17 : 9);
  scene.pen.Text(look.fonts.small, box.x + look.Px(7), y, palette.text,
                 "#" + std::to_string(call->id));
  std::string time = FormatNumber(left, 2) + " s";
  const Nanos ttl = LongestTrace(call->policy->algorithm);
  if (call->HeldUntil() == ToMicros(call->at) + ttl) time += ", expires";
  if (two_lines) {
    scene.pen.Text(look.fonts.small, box.x + look.Px(7), y + look.Px(15), palette.text, time);
  } else if (box.width > look.Px(100)) {
    scene.pen.Text(look.fonts.small, box.right() - look.Px(7), y, palette.text, time,
                   Align::kRight);
  }
}

}  // namespace

void DrawPicture(const Concurrency& concurrency, const Scene& scene) {
  const Look& look = scene.look;
  const Requests calls = HoldingCalls(scene.simulation.history(), scene.caller, scene.now());
  const Reading state = scene.simulation.StateOf(scene.caller);
  std::string text = "all are free";
  if (state.numbers[0] > 0) {
    const auto next = std::ranges::min_element(calls, {}, &Request::HeldUntil);
    text = next == calls.end()
               ? ""
               : "the next is free in " +
                     FormatIn((*next)->HeldUntil() - scene.now(), TimeUnit::kMillis, 0);
  }
  const Rect rest = DrawHeadline(scene, ShortCount(state.numbers[0]),
                                 FormatShort(static_cast<double>(concurrency.limit())), text);

  // With very many slots: the held ones, and as many free ones as fit.
  const auto most =
      static_cast<std::int64_t>(rest.width * rest.height / (look.Px(12) * look.Px(12)));
  const auto held = static_cast<std::int64_t>(calls.size());
  const std::int64_t boxes = std::clamp<std::int64_t>(std::max(concurrency.limit(), held), 1,
                                                      std::max<std::int64_t>(most, 1));
  const Grid grid = Divide(scene, rest, boxes);
  const float gap = grid.width > look.Px(30) ? look.Px(5) : look.Px(2);
  Requests placed(static_cast<std::size_t>(boxes), nullptr);
  for (const Request* call : calls) {
    if (call->slot < placed.size()) placed[call->slot] = call;
  }
  for (std::int64_t i = 0; i < boxes; ++i) {
    const std::int64_t column = i % grid.columns;
    const std::int64_t row = i / grid.columns;
    DrawSlot(scene,
             {rest.x + static_cast<float>(column) * grid.width,
              rest.y + static_cast<float>(row) * grid.height, grid.width - gap, grid.height - gap},
             placed[static_cast<std::size_t>(i)]);
  }
  DrawCaption(scene, "calls, and when they end");
}

}  // namespace sluice::sim
