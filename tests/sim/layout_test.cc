// Panels fill the window and do not overlap.
#include "layout.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::sim {
namespace {

struct Size {
  float width;
  float height;
  float scale;
};

class LayoutTest : public ::testing::TestWithParam<Size> {};

TEST_P(LayoutTest, PanelsStayInsideAndApart) {
  const auto [width, height, scale] = GetParam();
  const Layout layout = Arrange(width, height, scale, width < 1400 * scale ? 2 : 1);
  const std::array panels{layout.header, layout.state,   layout.totals,  layout.timeline,
                          layout.rates,  layout.explain, layout.controls};
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const Rect& a = panels[i];
    EXPECT_GT(a.width, 0) << i;
    EXPECT_GT(a.height, 0) << i;
    EXPECT_GE(a.x, 0) << i;
    EXPECT_GE(a.y, 0) << i;
    EXPECT_LE(a.right(), width) << i;
    EXPECT_LE(a.bottom(), height) << i;
    for (std::size_t j = i + 1; j < panels.size(); ++j) {
      const Rect& b = panels[j];
      const bool apart =
          a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y;
      EXPECT_TRUE(apart) << i << " and " << j;
    }
  }
}

TEST(Layout, ALowWindowKeepsToWhatMatters) {
  const Layout layout = Arrange(640, 400, 1, 3);
  EXPECT_EQ(layout.totals.height, 0);
  EXPECT_EQ(layout.rates.height, 0);
  EXPECT_GT(layout.state.height, 150);
  EXPECT_EQ(layout.state.height, layout.explain.height);
  EXPECT_EQ(layout.timeline.height, layout.explain.height);
  EXPECT_LE(layout.state.bottom(), layout.controls.y);
}

TEST(Layout, ControlsTakeAThirdAtMost) {
  EXPECT_LE(Arrange(640, 400, 1, 5).controls.height, 134);
  EXPECT_GT(Arrange(1280, 800, 1, 3).controls.height, Arrange(1280, 800, 1, 2).controls.height);
}

INSTANTIATE_TEST_SUITE_P(Sizes, LayoutTest,
                         ::testing::Values(Size{1280, 800, 1}, Size{1024, 700, 1},
                                           Size{1280, 800, 1.5}, Size{2560, 1600, 2},
                                           Size{800, 600, 1}, Size{3840, 1080, 1}));

}  // namespace
}  // namespace sluice::sim
