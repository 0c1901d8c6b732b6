// The panels, drawn by ImGui into memory: effects of keys and clicks, and robustness.
#include "screen.h"

#include <GLFW/glfw3.h>
#include <gtest/gtest.h>

#include "keys.h"
#include "layout.h"
#include "scenarios.h"

namespace sluice::sim {
namespace {

// A user at an invisible window.
class Desk {
 public:
  explicit Desk(const Scenario& scenario, ImVec2 size = {1280, 800}, float scale = 1)
      : screen_(Theme::kDark, scale), player_(scenario), view_(MakeView(scenario)) {
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = size;
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;  // as with OpenGL 3.2
#if IMGUI_VERSION_NUM < 18700
    io.KeyMap[ImGuiKey_A] = GLFW_KEY_A;
    io.KeyMap[ImGuiKey_Enter] = GLFW_KEY_ENTER;
#endif
    unsigned char* pixels = nullptr;
    int width = 0;
    int height = 0;
    io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
    Frame();
  }

  void Frame() {
    ImGui::GetIO().DeltaTime = 1.0F / 60;
    ImGui::NewFrame();
    screen_.Draw(player_, view_);
    ImGui::Render();
  }

  void Press(Key key) { Press(CodeOf(key)); }

  // Replaces the text of the field that has the focus.
  void Retype(const char* text) {
    ImGuiIO& io = ImGui::GetIO();
#if IMGUI_VERSION_NUM >= 18700
    io.AddKeyEvent(ImGuiMod_Ctrl, true);
    Press(ImGuiKey_A);
    io.AddKeyEvent(ImGuiMod_Ctrl, false);
#else
    io.KeyCtrl = true;
    Press(GLFW_KEY_A);
    io.KeyCtrl = false;
#endif
    Frame();
    io.AddInputCharactersUTF8(text);
    Frame();
#if IMGUI_VERSION_NUM >= 18700
    Press(ImGuiKey_Enter);
#else
    Press(GLFW_KEY_ENTER);
#endif
  }

  void Click(float x, float y) {
    ImGuiIO& io = ImGui::GetIO();
    io.MousePos = {x, y};
    Frame();
    io.MouseDown[0] = true;
    Frame();
    io.MouseDown[0] = false;
    Frame();
  }

  Layout layout() const {
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const int rows = ControlRows(size.x, player_.simulation(), screen_.look());
    return Arrange(size.x, size.y, screen_.look().scale, rows);
  }
  int vertices() const { return ImGui::GetDrawData()->TotalVtxCount; }
  Player& player() { return player_; }
  View& view() { return view_; }
  std::size_t requests() { return player_.simulation().history().requests().size(); }

 private:
  void Press(KeyCode code) {
    Set(code, true);
    Frame();
    Set(code, false);
    Frame();
  }
  static void Set(KeyCode code, bool down) {
#if IMGUI_VERSION_NUM >= 18700
    ImGui::GetIO().AddKeyEvent(code, down);
#else
    ImGui::GetIO().KeysDown[code] = down;
#endif
  }

  Screen screen_;
  Player player_;
  View view_;
};

TEST(Screen, SpaceSendsOneRequestAtTheCostChosen) {
  Desk desk(Quiet());
  desk.view().cost = 4;
  desk.Press(Key::kSend);
  ASSERT_EQ(desk.requests(), 1U);
  EXPECT_EQ(desk.player().simulation().Look(0).remaining, 16);
}

TEST(Screen, KeysPlayStepAndRestart) {
  Desk desk(Busy(1));
  desk.Press(Key::kPlay);
  EXPECT_TRUE(desk.player().playing());
  desk.Press(Key::kPlay);
  EXPECT_FALSE(desk.player().playing());
  desk.Press(Key::kStep);
  EXPECT_EQ(desk.requests(), 1U);
  desk.view().seed = 8;
  desk.Press(Key::kRestart);
  EXPECT_EQ(desk.requests(), 0U);
  EXPECT_EQ(desk.player().simulation().scenario().seed, 8U);
}

TEST(Screen, TheFirstButtonPlays) {
  Desk desk(Busy(1));
  const Rect controls = desk.layout().controls;
  desk.Click(controls.x + 50, controls.y + 42);
  EXPECT_TRUE(desk.player().playing());
}

TEST(Screen, AClickOnAMarkExplainsThatRequest) {
  Desk desk(Quiet());
  desk.player().simulation().AdvanceTo(kOneSecond);
  desk.Press(Key::kSend);
  desk.player().simulation().AdvanceTo(5 * kOneSecond);
  desk.Press(Key::kSend);
  EXPECT_EQ(desk.view().selected, 0U);

  // The lane of admitted requests is under the title; the first second ends at a tenth of the
  // plot. The exact pixel depends on the font, so the test searches the lane.
  const Rect timeline = desk.layout().timeline;
  for (float y = timeline.y + 30; y < timeline.y + 70 && desk.view().selected == 0; y += 6) {
    for (float x = timeline.x + 60; x < timeline.x + 130 && desk.view().selected == 0; x += 6) {
      desk.Click(x, y);
    }
  }
  EXPECT_EQ(desk.view().selected, 1U);
  // A dropped request has no explanation.
  desk.view().selected = 999;
  desk.Frame();
  EXPECT_EQ(desk.view().selected, 0U);
}

// The policy's controls are in the second row: the algorithm, then its numbers. Their exact place
// depends on the font, so the test searches the row from the left for the nth text field.
ImVec2 FindField(Desk& desk, int wanted) {
  const Rect controls = desk.layout().controls;
  const float y = controls.y + 42 + 48;
  bool inside = false;
  for (float x = controls.x + 170; x < controls.right() - 12; x += 8) {
    desk.Click(x, y);
    desk.Frame();  // ImGui reports a frame late that a field lost the focus
    const bool is_field = ImGui::GetIO().WantTextInput;
    if (is_field && !inside && --wanted == 0) return {x, y};
    inside = is_field;
  }
  ADD_FAILURE() << "no such field";
  return {};
}

TEST(Screen, AWrongNumberIsNamedAndChangesNothing) {
  Desk desk(Quiet());
  const ImVec2 every = FindField(desk, 3);
  desk.Retype("0");
  EXPECT_EQ(desk.view().policy_fault, "every 0 ms: must be above 0 and below 146 years");
  EXPECT_EQ(desk.player().simulation().policy().numbers.Span("every"), kOneSecond);
  desk.Click(every.x, every.y);
  desk.Retype("soon");
  EXPECT_EQ(desk.view().policy_fault,
            "every 'soon' is not a duration like 250ms, 1s, 1m, 1h or 1d");

  desk.Click(every.x, every.y);
  desk.Retype("2s");
  EXPECT_EQ(desk.view().policy_fault, "");
  EXPECT_EQ(desk.player().simulation().policy().numbers.Span("every"), 2 * kOneSecond);
}

TEST(Screen, AnotherAlgorithmIsChosenFromTheList) {
  Desk desk(Quiet());
  const Rect controls = desk.layout().controls;
  const ImVec2 list{controls.x + 60, controls.y + 42 + 48};
  // The list opens above or below; every item of it is an algorithm.
  for (float away = -320; away < 0; away += 14) {
    desk.Click(list.x, list.y);
    desk.Click(list.x, list.y + away);
    desk.Click(controls.x + controls.width - 20, controls.y + 12);  // closes it
    if (&desk.player().simulation().policy().info() != &kTokenBucketInfo) break;
  }
  const AlgorithmInfo& info = desk.player().simulation().policy().info();
  ASSERT_NE(&info, &kTokenBucketInfo);
  EXPECT_EQ(&desk.view().policy.info(), &info);
  EXPECT_EQ(desk.player().simulation().policy().limit(), Chosen(info).limit());
}

class ScreenOf : public ::testing::TestWithParam<const AlgorithmInfo*> {};

INSTANTIATE_TEST_SUITE_P(EveryAlgorithm, ScreenOf, ::testing::ValuesIn(kAlgorithms), CaseName);

// The same algorithm with its smallest or largest valid numbers.
PolicyNumbers Extreme(const AlgorithmInfo& info, bool large) {
  PolicyNumbers numbers(info);
  const std::int64_t most = &info == &kSlidingLogInfo ? kLargestLogLimit : kLargestLimit;
  numbers[info.rate] = large ? 10'000'000 : 1;
  numbers[info.most] = large ? most : 1;
  const auto set = [&](std::string_view field, const char* smallest, const char* largest) {
    const Field* own = FieldNamed(info, field);
    std::string fault;
    if (own != nullptr) SetField(numbers, *own, large ? largest : smallest, fault);
    EXPECT_EQ(fault, "");
  };
  set("every", "1d", "1s");
  set("window", "0.001ms", "100d");
  set("mode", "shape", "shape");
  set("align", "first-request", "clock");
  return numbers;
}

TEST_P(ScreenOf, DrawsWhateverHappened) {
  for (const ImVec2 size : {ImVec2{1280, 800}, ImVec2{640, 400}, ImVec2{400, 400}}) {
    for (const float scale : {0.5F, 1.0F, 4.0F}) {
      Desk desk(Busy(1, 3, *GetParam()), size, scale);
      Simulation& simulation = desk.player().simulation();
      EXPECT_GT(desk.vertices(), 500);
      simulation.SetRate(kHighestRate);
      simulation.AdvanceTo(2 * kOneSecond);
      desk.Frame();
      EXPECT_LT(desk.vertices(), 200'000);  // most marks of a flood are dropped
      simulation.SetPolicy(Chosen(Extreme(*GetParam(), false)));
      simulation.Send(0, kHighestCost);
      simulation.AdvanceTo(simulation.now() + kMilli);
      desk.Frame();
      simulation.SetPolicy(Chosen(Extreme(*GetParam(), true)));
      simulation.AdvanceTo(3 * kOneSecond);
      desk.Frame();
      EXPECT_LT(desk.vertices(), 200'000);
      simulation.SetRate(1);
      simulation.AdvanceTo(1'000 * kOneSecond);
      desk.Frame();
      EXPECT_GT(desk.vertices(), 500);
    }
  }
}

TEST_P(ScreenOf, ExplainsOneOfAnotherAlgorithmToo) {
  Desk desk(Busy(1, 1, *GetParam()));
  desk.player().simulation().AdvanceTo(3 * kOneSecond);
  for (const AlgorithmInfo* info : kAlgorithms) {
    desk.player().simulation().SetPolicy(Chosen(*info));
    desk.view().selected = 5;
    desk.Frame();
    EXPECT_EQ(desk.view().selected, 5U);
  }
}

}  // namespace
}  // namespace sluice::sim
