// The header: algorithm, numbers, traffic and time.
#include <string>

#include "model/algorithm_info.h"
#include "model/describe.h"
#include "model/duration.h"
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

  std::int64_t volleys = 0;
  for (const Volley& volley : scenario.volleys) volleys += volley.count;
  if (volleys > 0) traffic += ", and " + FormatCount(volleys) + " in volleys";

  const std::string state = player.playing() ? "playing, speed " + FormatNumber(player.speed(), 2)
                                             : std::string("paused");
  const std::string run = "seed " + std::to_string(scenario.seed) + ", " + state;
  const std::string limit = scenario.policy.info().limit(scenario.policy);
  const float space = at.width - Pen::Width(look.fonts.body, run) - look.Px(20);
  // The longest text that fits.
  const std::string detail = scenario.policy.info().detail(scenario.policy);
  std::string line = limit;
  if (!detail.empty()) line.append("; ").append(detail);
  line.append(".   Traffic (Poisson): ").append(traffic).append(".");
  if (Pen::Width(look.fonts.body, line) > space) {
    line = limit;
    line.append(".   Traffic: ").append(traffic).append(".");
  }
  if (Pen::Width(look.fonts.body, line) > space) line = limit;

  // Left of the time, in a smaller type if it is long.
  const std::string title = DescribePolicy(scenario.policy);
  const std::string time = FormatSeconds(simulation.now()) + " s";
  const float title_space = at.width - Pen::Width(look.fonts.title, time) - look.Px(20);
  ImFont* title_font =
      Pen::Width(look.fonts.title, title) > title_space ? look.fonts.strong : look.fonts.title;

  const float second_line = at.y + look.Px(32);
  panel.pen().Text(title_font, at.x, at.y - look.Px(2), palette.text, title);

  panel.pen().Text(look.fonts.title, at.right(), at.y - look.Px(2), palette.text, time,
                   Align::kRight);
  if (second_line + look.Px(18) > at.bottom()) return;
  panel.pen().Text(look.fonts.body, at.x, second_line, palette.muted, line);
  panel.pen().Text(look.fonts.body, at.right(), second_line, palette.muted, run, Align::kRight);
}

}  // namespace sluice::sim
