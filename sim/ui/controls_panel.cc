// The controls: time, traffic, the policy's numbers, and the user's own requests.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "algorithms/list.h"
#include "keys.h"
#include "model/duration.h"
#include "panel.h"

namespace sluice::sim {
namespace {

// Widths at scale 1.
constexpr float kGap = 10;
constexpr float kRow = 48;
constexpr float kPlay = 84;
constexpr float kStep = 64;
constexpr float kSpeed = 130;
constexpr float kCost = 54;
constexpr float kSend = 122;
constexpr float kRate = 180;
constexpr float kAlgorithm = 142;
constexpr float kNumber = 76;
constexpr float kChoice = 116;
constexpr float kCaller = 98;
constexpr float kSeed = 80;
constexpr float kRestart = 78;

// Positions of items with given widths, side by side from `left` to `right`, then in the next row.
class Rows {
 public:
  Rows(float left, float right, float gap) : left_(left), right_(right), gap_(gap), x_(left) {}

  // The start of the next item.
  float Next(float width) {
    if (x_ > left_ && x_ + width > right_ + 1) Break();
    const float x = x_;
    x_ += width + gap_;
    return x;
  }
  // Starts a new row with the next item.
  void Break() {
    if (x_ == left_) return;
    x_ = left_;
    ++row_;
  }
  int row() const { return row_; }

 private:
  float left_;
  float right_;
  float gap_;
  float x_;
  int row_ = 0;
};

// Sets labelled controls side by side and starts a new row where the panel ends.
class Flow {
 public:
  Flow(const Panel& panel, const Look& look)
      : look_(look),
        rows_(panel.content().x, panel.content().right(), look.Px(kGap)),
        top_(ImGui::GetCursorScreenPos().y) {}

  // Places the next control, `width` wide at scale 1.
  void Next(const char* label, float width) {
    const float x = rows_.Next(look_.Px(width));
    const float y = top_ + look_.Px(kRow) * static_cast<float>(rows_.row());
    ImGui::SetCursorScreenPos({x, y});
    ImGui::PushFont(look_.fonts.small);
    ImGui::TextDisabled("%s", label);
    ImGui::PopFont();
    ImGui::SetCursorScreenPos({x, y + look_.Px(19)});
    ImGui::SetNextItemWidth(look_.Px(width));
  }
  // Starts a new row with the next control.
  void Break() { rows_.Break(); }

 private:
  const Look& look_;
  Rows rows_;
  float top_;
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
  constexpr double kHigh = 200;  // the slider's end; Ctrl + click allows higher numbers
  if (ImGui::SliderScalar("##rate", ImGuiDataType_Double, &rate, &kLow, &kHigh, "",
                          ImGuiSliderFlags_Logarithmic)) {
    rate = std::clamp(rate, 0.0, kHighestRate);
    player.simulation().SetRate(rate < kLowestRate ? 0 : rate);
  }
}

float WidthOf(const Field& field) { return field.choices.empty() ? kNumber : kChoice; }

// Returns whether the user chose another algorithm.
bool ChooseAlgorithm(Flow& flow, View& view) {
  flow.Next("algorithm", kAlgorithm);
  bool chosen = false;
  const AlgorithmInfo* const now = &view.policy.info();
  if (!ImGui::BeginCombo("##algorithm", now->title.data(), ImGuiComboFlags_HeightLarge)) {
    return false;
  }
  for (const AlgorithmInfo* info : kAlgorithms) {
    if (!ImGui::Selectable(info->title.data(), info == now) || info == now) continue;
    view.policy = PolicyNumbers(*info);
    chosen = true;
  }
  ImGui::EndCombo();
  return chosen;
}

// Returns whether the user changed the field.
bool EditField(Flow& flow, const Field& field, std::array<char, 24>& text) {
  const std::string name(field.name);
  const std::string id = "##" + name;
  flow.Next(name.c_str(), WidthOf(field));
  if (field.choices.empty()) {
    ImGui::InputText(id.c_str(), text.data(), text.size());
    return ImGui::IsItemDeactivatedAfterEdit();
  }
  bool chosen = false;
  if (!ImGui::BeginCombo(id.c_str(), text.data())) return false;
  for (const std::string_view choice : field.choices) {
    if (!ImGui::Selectable(choice.data(), choice == text.data())) continue;
    text.fill(0);
    std::ranges::copy(choice, text.begin());
    chosen = true;
  }
  ImGui::EndCombo();
  return chosen;
}

void PolicyControls(Flow& flow, Player& player, View& view) {
  const auto take_over = [&] {
    const auto policy = MakePolicy(view.policy, view.policy_fault);
    if (!policy) return;
    player.simulation().SetPolicy(*policy);
    view.Edit(*policy);
  };
  if (ChooseAlgorithm(flow, view)) take_over();
  bool edited = false;
  const auto fields = view.policy.info().fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    edited |= EditField(flow, fields[i], view.texts[i]);
  }
  if (edited && view.ReadTexts()) take_over();
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

int ControlRows(float width, const Simulation& simulation, const Look& look) {
  // Sized for the algorithm with the most fields, so that a new choice moves no panel.
  const float padding = look.Px(10) + ImGui::GetStyle().WindowPadding.x;
  Rows run(padding, width - padding, look.Px(kGap));
  for (const float control : {kPlay, kStep, kSpeed, kCost, kSend, kRate, kSeed, kRestart}) {
    run.Next(look.Px(control));
  }
  if (simulation.scenario().callers > 1) run.Next(look.Px(kCaller));
  const auto with_policies = [&](const Rows& before) {
    int most = 0;
    for (const AlgorithmInfo* info : kAlgorithms) {
      Rows all = before;
      all.Next(look.Px(kAlgorithm));
      for (const Field& field : info->fields) all.Next(look.Px(WidthOf(field)));
      most = std::max(most, all.row() + 1);
    }
    return most;
  };
  if (with_policies(run) == 1) return 1;
  run.Break();
  return with_policies(run);
}

void DrawControls(const Rect& rect, Player& player, View& view, const Look& look) {
  const Panel panel("controls", rect, look, "", true);
  Flow flow(panel, look);
  TimeControls(flow, player, look);
  SendControls(flow, player, view, look);
  TrafficControls(flow, player);
  RunControls(flow, player, view, look);
  if (ControlRows(rect.width + 2 * look.Px(10), player.simulation(), look) > 1) flow.Break();
  PolicyControls(flow, player, view);
  if (!view.policy_fault.empty()) {
    // Above the controls, over other panels, until the numbers are valid.
    const Pen over(ImGui::GetForegroundDrawList(), look);
    const Rect strip{rect.x, rect.y - look.Px(32), rect.width, look.Px(28)};
    over.Fill(strip, look.palette.panel, look.Px(6));
    over.Frame(strip, look.palette.denied, look.Px(6));
    over.Text(look.fonts.body, strip.x + look.Px(14), strip.y + look.Px(5), look.palette.denied,
              view.policy_fault);
  }
}

}  // namespace sluice::sim
