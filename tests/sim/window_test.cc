// The window itself, on a display made for the test.
#include <gtest/gtest.h>
#include <png.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "program.h"

namespace sluice::sim {
namespace {

struct Picture {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint32_t> pixels;

  // Each colour with its share of the area.
  std::map<std::uint32_t, double> Shares() const {
    std::map<std::uint32_t, double> shares;
    for (const std::uint32_t pixel : pixels)
      shares[pixel] += 1.0 / static_cast<double>(pixels.size());
    return shares;
  }
};

Picture ReadPng(const std::filesystem::path& path) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_file(&png, path.c_str()), 0) << png.message;
  png.format = PNG_FORMAT_RGBA;
  Picture picture{png.width, png.height, std::vector<std::uint32_t>(png.width * png.height)};
  EXPECT_NE(png_image_finish_read(&png, nullptr, picture.pixels.data(), 0, nullptr), 0)
      << png.message;
  return picture;
}

class Window : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { display_ = std::make_unique<Display>(); }
  static void TearDownTestSuite() { display_.reset(); }

  static std::string Screenshot(const std::filesystem::path& file, const std::string& flags) {
    const Outcome outcome =
        display_->RunProgram("--screenshot '" + file.string() + "' --at 10 " + flags);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return ReadFile(file);
  }

  static inline std::unique_ptr<Display> display_;
};

// RGBA in memory order; the theme writes colours like this.
constexpr std::uint32_t Rgb(std::uint32_t hex) {
  return 0xFF000000U | ((hex & 0xFF) << 16) | (hex & 0xFF00) | (hex >> 16);
}

TEST_F(Window, AScreenshotShowsThePanels) {
  const TempFolder folder;
  Screenshot(folder / "dark.png", "");
  const Picture picture = ReadPng(folder / "dark.png");
  EXPECT_EQ(picture.width, 1280U);
  EXPECT_EQ(picture.height, 800U);
  const auto shares = picture.Shares();
  const auto share = [&shares](std::uint32_t hex) {
    const auto found = shares.find(Rgb(hex));
    return found == shares.end() ? 0.0 : found->second;
  };
  EXPECT_GT(shares.size(), 100U);   // anti-aliased text and curves
  EXPECT_GT(share(0x171E26), 0.4);  // panels
  EXPECT_LT(share(0x171E26), 0.9);
  EXPECT_GT(share(0x3FC796), 0.01);    // admitted: marks and bars
  EXPECT_GT(share(0x2672D8), 0.001);   // water
  EXPECT_GT(share(0xFF7A4D), 0.0003);  // denied: crosses
}

TEST_F(Window, TheSameRunIsTheSamePicture) {
  const TempFolder folder;
  const std::string one = Screenshot(folder / "one.png", "--seed 3");
  EXPECT_EQ(one, Screenshot(folder / "two.png", "--seed 3"));
  EXPECT_NE(one, Screenshot(folder / "three.png", "--seed 4"));
}

TEST_F(Window, EveryAlgorithmHasAPictureOfItsOwn) {
  const TempFolder folder;
  std::map<std::string, std::string> seen;  // owner by picture
  for (const char* flags :
       {"--algorithm tokenBucket", "--algorithm gcra", "--algorithm leakyBucket",
        "--algorithm leakyBucket --mode shape", "--algorithm fixedWindow",
        "--algorithm fixedWindow --align clock", "--algorithm slidingWindow",
        "--algorithm slidingLog", "--algorithm concurrency"}) {
    const std::string bytes = Screenshot(folder / "one.png", flags);
    EXPECT_GT(ReadPng(folder / "one.png").Shares().size(), 100U) << flags;
    const auto [found, is_new] = seen.emplace(bytes, flags);
    EXPECT_TRUE(is_new) << flags << " looks as " << found->second;
  }
}

TEST_F(Window, SizeThemeAndScaleAreObeyed) {
  const TempFolder folder;
  Screenshot(folder / "light.png", "--size 1500x900 --theme light --scale 1.5");
  const Picture light = ReadPng(folder / "light.png");  // larger than the display
  EXPECT_EQ(light.width, 1500U);
  EXPECT_EQ(light.height, 900U);
  const auto shares = light.Shares();
  ASSERT_TRUE(shares.contains(Rgb(0xFFFFFF)));
  EXPECT_GT(shares.at(Rgb(0xFFFFFF)), 0.4);
}

TEST_F(Window, AFileThatCannotBeWrittenIsNamed) {
  const Outcome outcome = display_->RunProgram("--screenshot /nowhere/x.png --at 1");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("--screenshot: /nowhere/x.png: No such file"), std::string::npos)
      << outcome.output;
}

TEST_F(Window, StaysOpenUntilItIsEnded) {
  // timeout returns 124 if it had to end the program; an error of the program has its own code.
  const Outcome outcome = display_->RunProgram("", "timeout 2");
  EXPECT_EQ(outcome.exit_code, 124) << outcome.output;
  EXPECT_EQ(outcome.output, "");
}

}  // namespace
}  // namespace sluice::sim
