// Totals since the start, for the caller shown.
#include <algorithm>
#include <cmath>
#include <string>

#include "model/duration.h"
#include "panel.h"

namespace sluice::sim {
namespace {

std::string Share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "";
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return FormatNumber(percent, 0) + " %";
}

}  // namespace

void DrawTotals(const Rect& rect, const Simulation& simulation, const View& view,
                const Look& look) {
  const Panel panel("totals", rect, look, "Requests so far");
  const Rect& at = panel.content();
  const Pen& pen = panel.pen();
  const Totals& totals = simulation.history().per_caller()[view.watched];

  const float step = std::min(look.Px(24), (at.height - look.Px(12)) / 3);
  // A narrow panel has no room for the shares; the bar below shows them.
  const float shares = at.width > look.Px(190) ? look.Px(52) : 0;
  float y = at.y;
  const auto row = [&](const char* name, std::int64_t count, const std::string& share) {
    pen.Text(look.fonts.body, at.x + look.Px(20), y, look.palette.text, name);
    pen.Text(look.fonts.strong, at.right() - shares, y, look.palette.text, FormatCount(count),
             Align::kRight);
    if (shares > 0) {
      pen.Text(look.fonts.body, at.right(), y, look.palette.muted, share, Align::kRight);
    }
    y += step;
  };
  const float mark_x = at.x + look.Px(7);
  row("offered", totals.requests, "");
  pen.AdmittedMark(mark_x, y + look.Px(9), look.Px(5));
  row("admitted", totals.admitted, Share(totals.admitted, totals.requests));
  pen.DeniedMark(mark_x, y + look.Px(9), look.Px(5));
  row("denied", totals.denied(), Share(totals.denied(), totals.requests));

  const Rect bar{at.x, at.bottom() - look.Px(9), at.width, look.Px(9)};
  pen.Fill(bar, look.palette.grid, look.Px(3));
  if (totals.requests > 0) {
    const float admitted =
        bar.width * static_cast<float>(totals.admitted) / static_cast<float>(totals.requests);
    pen.Fill({bar.x, bar.y, admitted, bar.height}, look.palette.admitted, look.Px(3));
    if (totals.denied() > 0) {
      pen.Fill({bar.x + admitted, bar.y, bar.width - admitted, bar.height}, look.palette.denied,
               look.Px(3));
    }
  }
}

}  // namespace sluice::sim
