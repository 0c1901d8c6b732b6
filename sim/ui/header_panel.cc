// The header: which algorithm, its numbers, the traffic and the time.
#include <string>

#include "model/duration.h"
#include "model/explain.h"
#include "panel.h"

namespace sluice::sim {

void DrawHeader(const Rect& rect, const Player& player, const View& view, const Look& look) {
  const Panel panel("header", rect, look, "");
  const Rect& at = panel.content();
  const Palette& palette = look.palette;
  const Simulation& simulation = player.simulation();
  const Scenario& scenario = simulation.scenario();

  std::string traffic = FormatNumber(scenario.rate, 3) +
                        (scenario.rate == 1 ? " request a second" : " requests a second");
  if (scenario.rate == 0) {
    traffic = "none";
  } else if (scenario.callers == 1) {
    traffic += " from one caller";
  } else {
    traffic +=
        " from " + FormatCount(scenario.callers) + " callers; shown: " + CallerName(view.watched);
  }

  const std::string state = player.playing() ? "playing, speed " + FormatNumber(player.speed(), 2)
                                             : std::string("paused");
  const std::string run = "seed " + std::to_string(scenario.seed) + ", " + state;
  const std::string limit = DescribeLimit(scenario.bucket);
  const float space = at.width - Pen::Width(look.fonts.body, run) - look.Px(20);
  // The fullest that fits.
  const std::string interval = FormatDuration(scenario.bucket.rule().interval);
  std::string line = limit;
  line.append("; one token every ").append(interval).append(".   Traffic (Poisson): ");
  line.append(traffic).append(".");
  if (Pen::Width(look.fonts.body, line) > space) {
    line = limit;
    line.append(".   Traffic: ").append(traffic).append(".");
  }
  if (Pen::Width(look.fonts.body, line) > space) line = limit;

  const float second_line = at.y + look.Px(32);
  panel.pen().Text(look.fonts.title, at.x, at.y - look.Px(2), palette.text,
                   DescribeBucket(scenario.bucket));
  panel.pen().Text(look.fonts.body, at.x, second_line, palette.muted, line);

  panel.pen().Text(look.fonts.title, at.right(), at.y - look.Px(2), palette.text,
                   FormatSeconds(simulation.now()) + " s", Align::kRight);
  panel.pen().Text(look.fonts.body, at.right(), second_line, palette.muted, run, Align::kRight);
}

}  // namespace sluice::sim
