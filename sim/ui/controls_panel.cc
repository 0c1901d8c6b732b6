// The controls: time, traffic, the policy's numbers, a request of one's own.
#include <algorithm>
#include <string>
#include <string_view>

#include "keys.h"
#include "model/duration.h"
#include "panel.h"

namespace sluice::sim {
namespace {

// Widths at scale 1.
constexpr float kGap = 10;
constexpr float kRow = 48;
constexpr float kMostGaps = 11;
constexpr float kPlay = 84;
constexpr float kStep = 64;
constexpr float kSpeed = 130;
constexpr float kCost = 54;
constexpr float kSend = 122;
constexpr float kRate = 180;
constexpr float kNumber = 76;
constexpr float kEvery = 72;
constexpr float kCaller = 98;
constexpr float kSeed = 80;
constexpr float kRestart = 78;

// Sets labelled controls side by side and starts a new row where the panel ends.
class Flow {
 public:
  Flow(const Panel& panel, const Look& look, float gap)
      : look_(look),
        gap_(gap),
        left_(panel.content().x),
        right_(panel.content().right()),
        x_(left_),
        y_(panel.content().y) {}

  // Places the control that comes next, `width` wide at scale 1.
  void Next(const char* label, float width) {
    width *= look_.scale;
    if (x_ > left_ && x_ + width > right_ + 1) {
      x_ = left_;
      y_ += look_.Px(kRow);
    }
    ImGui::SetCursorScreenPos({x_, y_});
    ImGui::PushFont(look_.fonts.small);
    ImGui::TextDisabled("%s", label);
    ImGui::PopFont();
    ImGui::SetCursorScreenPos({x_, y_ + look_.Px(19)});
    ImGui::SetNextItemWidth(width);
    x_ += width + gap_;
  }

 private:
  const Look& look_;
  float gap_;
  float left_;
  float right_;
  float x_;
  float y_;
};

bool ActionButton(const char* label, float width, const Look& look) {
  ImGui::PushStyleColor(ImGuiCol_Button, look.palette.action);
  ImGui::PushStyleColor(ImGuiCol_ButtonHovered, Faded(look.palette.action, 0.85F));
  ImGui::PushStyleColor(ImGuiCol_Text, look.palette.action_text);
  const bool pressed = ImGui::Button(label, {look.Px(width), 0});
  ImGui::PopStyleColor(3);
  return pressed;
}

bool Button(const char* label, float width, const Look& look) {
  return ImGui::Button(label, {look.Px(width), 0});
}

void TimeControls(Flow& flow, Player& player, const Look& look) {
  flow.Next("key P", kPlay);
  if (Button(player.playing() ? "Pause###play" : "Play###play", kPlay, look) ||
      KeyPressed(Key::kPlay)) {
    player.SetPlaying(!player.playing());
  }
  flow.Next("key N", kStep);
  if (Button("Step", kStep, look) || KeyPressed(Key::kStep)) player.StepEvent();

  double speed = player.speed();
  flow.Next(("speed: " + FormatNumber(speed, 2) + " times").c_str(), kSpeed);
  constexpr double kLow = kSlowest;
  constexpr double kHigh = kFastest;
  if (ImGui::SliderScalar("##speed", ImGuiDataType_Double, &speed, &kLow, &kHigh, "",
                          ImGuiSliderFlags_Logarithmic)) {
    player.SetSpeed(speed);
  }
}

void TrafficControls(Flow& flow, Player& player) {
  double rate = player.simulation().scenario().rate;
  flow.Next(("traffic: " + FormatNumber(rate, 3) +
             (rate == 1 ? " request a second" : " requests a second"))
                .c_str(),
            kRate);
  constexpr double kLow = 0;
  constexpr double kHigh = 200;  // of the slider; more can be typed after Ctrl + click
  if (ImGui::SliderScalar("##rate", ImGuiDataType_Double, &rate, &kLow, &kHigh, "",
                          ImGuiSliderFlags_Logarithmic)) {
    rate = std::clamp(rate, 0.0, kHighestRate);
    player.simulation().SetRate(rate < kLowestRate ? 0 : rate);
  }
}

void PolicyControls(Flow& flow, Player& player, View& view) {
  bool edited = false;
  flow.Next("capacity", kNumber);
  ImGui::InputScalar("##capacity", ImGuiDataType_S64, &view.bucket.capacity);
  edited |= ImGui::IsItemDeactivatedAfterEdit();
  flow.Next("refill", kNumber);
  ImGui::InputScalar("##refill", ImGuiDataType_S64, &view.bucket.refill);
  edited |= ImGui::IsItemDeactivatedAfterEdit();
  flow.Next("every", kEvery);
  ImGui::InputText("##every", view.every.data(), view.every.size());
  edited |= ImGui::IsItemDeactivatedAfterEdit();
  if (!edited) return;

  const auto every = ParseDuration(view.every.data());
  if (!every) {
    view.bucket_fault =
        "every \"" + std::string(view.every.data()) + "\": write it as 250ms, 1s, 1m, 1h or 1d";
    return;
  }
  view.bucket.every = *every;
  if (const auto bucket = MakeBucket(view.bucket, view.bucket_fault)) {
    player.simulation().SetBucket(*bucket);
  }
}

void SendControls(Flow& flow, Player& player, View& view, const Look& look) {
  flow.Next("cost", kCost);
  if (ImGui::InputScalar("##cost", ImGuiDataType_S64, &view.cost)) {
    view.cost = std::clamp(view.cost, std::int64_t{0}, kHighestCost);
  }
  flow.Next("space bar", kSend);
  if (ActionButton("Send request", kSend, look) || KeyPressed(Key::kSend)) {
    player.simulation().Send(view.watched, view.cost);
    view.selected = 0;
  }
}

void RunControls(Flow& flow, Player& player, View& view, const Look& look) {
  const std::uint32_t callers = player.simulation().scenario().callers;
  if (callers > 1) {
    flow.Next("caller", kCaller);
    if (ImGui::BeginCombo("##caller", CallerName(view.watched).c_str())) {
      for (std::uint32_t caller = 0; caller < callers; ++caller) {
        if (ImGui::Selectable(CallerName(caller).c_str(), caller == view.watched)) {
          view.watched = caller;
          view.selected = 0;
        }
      }
      ImGui::EndCombo();
    }
  }
  flow.Next("seed", kSeed);
  if (ImGui::InputScalar("##seed", ImGuiDataType_U64, &view.seed)) {
    view.seed = std::min(view.seed, kLargestSeed);
  }
  flow.Next("key R", kRestart);
  if (Button("Restart", kRestart, look) || KeyPressed(Key::kRestart)) {
    player.Restart(view.seed);
    view.selected = 0;
  }
}

}  // namespace

float ControlsWidth(const Simulation& simulation, const Look& look) {
  float width = kPlay + kStep + kSpeed + kCost + kSend + kRate + 2 * kNumber + kEvery + kSeed +
                kRestart + 10 * kGap;
  if (simulation.scenario().callers > 1) width += kCaller + kGap;
  return look.Px(width) + 2 * ImGui::GetStyle().WindowPadding.x;
}

void DrawControls(const Rect& rect, Player& player, View& view, const Look& look) {
  const Panel panel("controls", rect, look, "");
  // In one row the controls share what space there is.
  const float spare = (rect.width - ControlsWidth(player.simulation(), look)) / kMostGaps;
  Flow flow(panel, look, look.Px(kGap) + std::clamp(spare, 0.0F, look.Px(14)));
  TimeControls(flow, player, look);
  SendControls(flow, player, view, look);
  TrafficControls(flow, player);
  PolicyControls(flow, player, view);
  RunControls(flow, player, view, look);
  if (!view.bucket_fault.empty()) {
    // Above the controls, over whatever is there, until the numbers are right.
    const Pen over(ImGui::GetForegroundDrawList(), look);
    const Rect strip{rect.x, rect.y - look.Px(32), rect.width, look.Px(28)};
    over.Fill(strip, look.palette.panel, look.Px(6));
    over.Frame(strip, look.palette.denied, look.Px(6));
    over.Text(look.fonts.body, strip.x + look.Px(14), strip.y + look.Px(5), look.palette.denied,
              view.bucket_fault);
  }
}

}  // namespace sluice::sim
