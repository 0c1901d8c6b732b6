// The explanation of the last or the selected request.
#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>
#include <vector>

#include "model/algorithm_info.h"
#include "model/duration.h"
#include "panel.h"

namespace sluice::sim {
namespace {

// Measured at scale 1, with a reason of three lines, without the lines of the sum and the answer.
constexpr float kHeightWithPicture = 322;
constexpr float kHeightWithSum = 225;
constexpr float kLine = 23;  // ImGui's spacing included
constexpr float kFootnote = 24;

// Whether `word` must stay on the line of the number before it: "ms".
bool IsUnit(const std::string& before, const std::string& word) {
  return !before.empty() && std::isdigit(static_cast<unsigned char>(before.back())) != 0 &&
         word.size() <= 4 && std::isdigit(static_cast<unsigned char>(word.front())) == 0;
}

// Wraps between words only: ImGui would also break a number at its decimal point.
void Wrapped(ImFont* font, ImU32 colour, const std::string& text) {
  const float width = ImGui::GetContentRegionAvail().x;
  std::vector<std::string> pieces;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!pieces.empty() && IsUnit(pieces.back(), word)) {
      pieces.back() += ' ' + word;
    } else {
      pieces.push_back(word);
    }
  }
  std::string lines;
  float used = 0;
  for (const std::string& piece : pieces) {
    const float next = Pen::Width(font, piece);
    if (used > 0) {
      used += Pen::Width(font, " ");
      const bool fits = used + next <= width;
      lines += fits ? ' ' : '\n';
      if (!fits) used = 0;
    }
    lines += piece;
    used += next;
  }
  ImGui::PushFont(font);
  ImGui::PushStyleColor(ImGuiCol_Text, colour);
  ImGui::TextUnformatted(lines.data(), lines.data() + lines.size());
  ImGui::PopStyleColor();
  ImGui::PopFont();
}

void Gap(const Look& look, float height) { ImGui::Dummy({1, look.Px(height)}); }

void DrawVerdict(const Panel& panel, const Request& request, const Explanation& text,
                 const Look& look) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool allowed = request.decision.allowed;
  panel.pen().Mark(allowed, at.x + look.Px(11), at.y + look.Px(15), look.Px(9));
  panel.pen().Text(look.fonts.heading, at.x + look.Px(30), at.y,
                   allowed ? look.palette.admitted : look.palette.denied, text.verdict);
  ImGui::Dummy({1, look.Px(28)});
  const std::string who = request.origin == Origin::kPerson ? "you, as " : "";
  Wrapped(look.fonts.small, look.palette.muted,
          "Request " + FormatCount(static_cast<std::int64_t>(request.id)) + " at " +
              FormatIn(request.at, TimeUnit::kSeconds, 3) + ", " + who +
              CallerName(request.caller) + ", cost " + FormatCount(request.cost));
}

// Draws the sum as a picture: a bar for the limit, the part in use, and the request's cost beside
// it. The cost fits, or it sticks out.
void DrawFit(const Panel& panel, const Request& request, const Explanation::Fit& fit,
             const Look& look) {
  const Pen& pen = panel.pen();
  const Palette& palette = look.palette;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float text_height = look.Px(18);
  const float height = look.Px(18);
  const bool possible = fit.need <= 1;
  // A fifth of the width stays free for a cost that sticks out.
  const float whole = panel.content().width * 0.82F;
  const float most = panel.content().width;
  const auto length = [&](double share) {
    return std::min(static_cast<float>(std::max(share, 0.0)) * whole, most);
  };

  const Rect bar{at.x, at.y + text_height, whole, height};
  pen.Fill(bar, Faded(palette.water, 0.9F), look.Px(3));
  pen.Fill({bar.x, bar.y, length(fit.taken), height}, palette.grid, look.Px(3));
  pen.Frame(bar, palette.muted, look.Px(3));
  pen.Text(look.fonts.small, bar.x, at.y - look.Px(1), palette.muted, fit.taken_name);
  pen.Text(look.fonts.small, bar.right(), at.y - look.Px(1), palette.inflow, "room", Align::kRight);

  const float start = possible ? bar.x + length(fit.taken) : bar.x;
  const float end = std::min(start + std::max(length(fit.need), look.Px(2)), at.x + most);
  const Rect needed{start, bar.bottom() + look.Px(4), end - start, height * 0.7F};
  const ImU32 colour = request.decision.allowed ? palette.admitted : palette.denied;
  pen.Fill(needed, colour, look.Px(2));
  pen.Line(bar.right(), bar.y - look.Px(3), bar.right(), needed.bottom() + look.Px(4), palette.text,
           1.5F);
  const float label_y = needed.y - look.Px(3);
  const std::string label =
      request.decision.allowed ? "needed: it fits" : "needed: it does not fit";
  if (start - at.x > Pen::Width(look.fonts.small, label) + look.Px(8)) {
    pen.Text(look.fonts.small, start - look.Px(8), label_y, colour, label, Align::kRight);
  } else {
    pen.Text(look.fonts.small, at.x, needed.bottom() + look.Px(2), colour, label);
  }
  ImGui::Dummy({1, text_height + height * 1.7F + look.Px(22)});
}

void DrawLines(const Panel& panel, const std::vector<Explanation::Line>& lines, const Look& look) {
  // Not the panel's edge, where a scroll bar may be.
  const float right = ImGui::GetCursorScreenPos().x + ImGui::GetContentRegionAvail().x;
  for (const Explanation::Line& line : lines) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const Pen& pen = panel.pen();
    const float symbol_x = at.x + look.Px(126);
    const float numbers_x = symbol_x + Pen::Width(look.fonts.body, line.symbol) + look.Px(5);
    const float value_x = right - Pen::Width(look.fonts.strong, line.value);
    pen.Text(look.fonts.body, at.x, at.y, look.palette.muted, line.name);
    pen.Text(look.fonts.strong, value_x, at.y, look.palette.text, line.value);
    if (numbers_x < value_x) {
      pen.Text(look.fonts.body, symbol_x, at.y, look.palette.muted, line.symbol);
    }
    if (numbers_x + Pen::Width(look.fonts.body, line.numbers) + look.Px(8) < value_x) {
      pen.Text(look.fonts.body, numbers_x, at.y, look.palette.muted, line.numbers);
    }
    ImGui::Dummy({1, look.Px(kLine) - ImGui::GetStyle().ItemSpacing.y});
  }
}

void DrawNoRequest(const ChosenPolicy& policy, const Look& look) {
  Wrapped(look.fonts.body, look.palette.text,
          "None yet. Press space to send one, or P to let the traffic run.");
  Gap(look, 8);
  ImGui::Separator();
  Gap(look, 2);
  const Introduction introduction = policy.info().introduce(policy.numbers);
  Wrapped(look.fonts.strong, look.palette.text, introduction.title);
  for (const std::string& sentence : introduction.sentences) {
    Gap(look, 2);
    Wrapped(look.fonts.body, look.palette.muted, sentence);
  }
}

}  // namespace

void DrawExplain(const Rect& rect, const Simulation& simulation, View& view, const Look& look) {
  const History& history = simulation.history();
  const Request* request = view.selected != 0 ? history.Find(view.selected) : nullptr;
  if (request == nullptr) {
    view.selected = 0;
    request = history.LastBefore(view.watched, simulation.now() + Nanos{1});
  }

  const Panel panel("explain", rect, look,
                    view.selected != 0 ? "The request you clicked" : "The last request", true);
  if (request == nullptr) {
    DrawNoRequest(simulation.policy(), look);
    return;
  }
  const Explanation text = Explain(*request);
  DrawVerdict(panel, *request, text, look);
  Gap(look, 4);
  Wrapped(look.fonts.body, look.palette.text, text.reason);
  Gap(look, 8);
  // A small window drops the picture first, then the sum; the reason and the answer stay.
  const float lines = kLine * static_cast<float>(text.lines.size() + text.answer.size());
  const bool has_picture = panel.content().height > look.Px(kHeightWithPicture + lines);
  const bool has_sum = panel.content().height > look.Px(kHeightWithSum + lines);
  if (has_picture) DrawFit(panel, *request, text.fit, look);
  ImGui::Separator();
  Gap(look, 2);
  Wrapped(look.fonts.strong, look.palette.text, "The rule: " + text.rule);
  if (has_picture) {
    Wrapped(look.fonts.small, look.palette.muted, text.hint);
    Gap(look, 2);
  }
  if (has_sum) {
    DrawLines(panel, text.lines, look);
    Gap(look, 2);
  }
  Wrapped(look.fonts.strong,
          request->decision.allowed ? look.palette.admitted : look.palette.denied, text.test);
  if (has_sum) {
    Gap(look, 6);
    ImGui::Separator();
    Gap(look, 2);
    Wrapped(look.fonts.strong, look.palette.text, "The answer");
  }
  DrawLines(panel, text.answer, look);
  Gap(look, 4);
  if (view.selected != 0) {
    if (ImGui::Button("Back to the last request")) view.selected = 0;
  } else if (panel.content().height > look.Px(kHeightWithPicture + lines + kFootnote)) {
    Wrapped(look.fonts.small, look.palette.muted, "Click a mark on the timeline to see why.");
  }
}

}  // namespace sluice::sim
