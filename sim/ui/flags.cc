// Reads the command line with CLI11.
#include "flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <iostream>
#include <string>

#include "model/duration.h"
#include "model/traffic.h"

namespace sluice::sim {
namespace {

constexpr int kSmallestSide = 400;
constexpr int kLargestSide = 8192;
constexpr double kLongestRun = 1e6;  // seconds

// As typed; CLI11 checks numbers and ranges, the rest is checked here.
struct Typed {
  BucketNumbers bucket;
  std::string every = "1s";
  double rate = 14;
  std::uint32_t callers = 1;
  std::uint64_t seed = 1;
  bool headless = false;
  std::string out;
  double duration = 60;
  std::string screenshot;
  double at = 0;
  std::string size = "1280x800";
  std::string theme = "dark";
  float scale = 1;
};

// CLI::Range lets NaN pass: it is neither below nor above.
CLI::Validator Between(double low, double high) {
  return {[low, high](std::string& text) -> std::string {
            double number = 0;
            const bool read = CLI::detail::lexical_cast(text, number);
            if (read && number >= low && number <= high) return {};
            return "'" + text + "' is not a number from " + FormatNumber(low, 3) + " to " +
                   FormatNumber(high, 3);
          },
          ""};
}

// CLI11 would cut a number that is too long to the longest there is.
CLI::Validator WholeNumber() {
  return {[](std::string& text) -> std::string {
            std::int64_t number = 0;
            const char* end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, number);
            if (error == std::errc{} && rest == end) return {};
            return "'" + text + "' is not a whole number, or is too large";
          },
          ""};
}

CLI::Validator DurationText() {
  return {[](std::string& text) -> std::string {
            if (ParseDuration(text)) return {};
            return "'" + text + "' is not a duration like 250ms, 1s, 1m, 1h or 1d";
          },
          ""};
}

bool ReadSize(std::string_view text, int& width, int& height) {
  const char* end = text.data() + text.size();
  const auto [cross, error] = std::from_chars(text.data(), end, width);
  if (error != std::errc{} || cross == end || *cross != 'x') return false;
  const auto [rest, error2] = std::from_chars(cross + 1, end, height);
  const auto fits = [](int side) { return side >= kSmallestSide && side <= kLargestSide; };
  return error2 == std::errc{} && rest == end && fits(width) && fits(height);
}

CLI::Validator SizeText() {
  return {[](std::string& text) -> std::string {
            int width = 0;
            int height = 0;
            if (ReadSize(text, width, height)) return {};
            return "'" + text + "' is not a size like 1280x800, each side from " +
                   std::to_string(kSmallestSide) + " to " + std::to_string(kLargestSide);
          },
          ""};
}

void Declare(CLI::App& app, Typed& typed) {
  app.set_help_flag("--help", "Show this text");
  app.set_version_flag("--version", "sluice-sim " SLUICE_VERSION);
  app.option_defaults()->always_capture_default();

  const std::string policy = "Policy (token bucket)";
  app.add_option("--capacity", typed.bucket.capacity, "Tokens the bucket holds")
      ->check(WholeNumber())
      ->group(policy);
  app.add_option("--refill", typed.bucket.refill, "Tokens added ...")
      ->check(WholeNumber())
      ->group(policy);
  app.add_option("--every", typed.every, "... every so often: 250ms, 1s, 1m, 1h, 1d")
      ->check(DurationText())
      ->group(policy);

  const std::string traffic = "Traffic";
  app.add_option("--rate", typed.rate, "Requests a second, Poisson, over all callers")
      ->check(Between(0, kHighestRate))
      ->group(traffic);
  app.add_option("--callers", typed.callers, "Callers, each with a bucket of its own")
      ->check(Between(1, kMostCallers))
      ->group(traffic);
  app.add_option("--seed", typed.seed, "The same seed gives the same run, byte for byte")
      ->check(Between(0, static_cast<double>(kLargestSeed)))
      ->group(traffic);

  const std::string window = "Window";
  app.add_option("--size", typed.size, "Width and height in pixels")
      ->check(SizeText())
      ->group(window);
  app.add_option("--theme", typed.theme, "dark or light")
      ->check(CLI::IsMember({"dark", "light"}))
      ->group(window);
  app.add_option("--scale", typed.scale, "Size of text and controls")
      ->check(Between(0.5, 4))
      ->group(window);
  auto* screenshot = app.add_option("--screenshot", typed.screenshot,
                                    "Run to --at, write the window to this PNG file and end")
                         ->group(window);
  auto* at = app.add_option("--at", typed.at, "Virtual seconds at which the screenshot is taken")
                 ->check(Between(0, kLongestRun))
                 ->group(window);
  screenshot->needs(at);
  at->needs(screenshot);

  const std::string headless = "Without a window";
  auto* mode = app.add_flag("--headless", typed.headless,
                            "Run without a display; write summary.json and timeline.csv")
                   ->group(headless);
  auto* out = app.add_option("--out", typed.out, "The folder they are written to; made if missing")
                  ->group(headless);
  auto* duration = app.add_option("--duration", typed.duration, "Virtual seconds to run")
                       ->check(Between(0, kLongestRun))
                       ->group(headless);
  mode->needs(out)->excludes(screenshot);
  out->needs(mode);
  duration->needs(mode);
}

int Refuse(const std::string& message, int& exit_code) {
  std::cerr << "sluice-sim: " << message << "\nsluice-sim --help lists the flags.\n";
  return exit_code = kExitUsage;
}

}  // namespace

std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code) {
  CLI::App app(
      "Shows what a rate limit does: the limiter itself under seeded traffic, in virtual time.",
      "sluice-sim");
  Typed typed;
  Declare(app, typed);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    exit_code = app.exit(asked);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    Refuse(error.what(), exit_code);
    return std::nullopt;
  }

  std::string fault;
  typed.bucket.every = *ParseDuration(typed.every);
  const auto bucket = MakeBucket(typed.bucket, fault);
  if (!bucket) {
    Refuse("--" + fault, exit_code);  // the fault begins with the number's name
    return std::nullopt;
  }
  if (!IsRate(typed.rate)) {
    Refuse("--rate: " + FormatNumber(typed.rate, 9) + " is below " + FormatNumber(kLowestRate, 3) +
               "; take 0 for no traffic",
           exit_code);
    return std::nullopt;
  }

  Flags flags{.scenario = {.bucket = *bucket,
                           .rate = typed.rate,
                           .callers = typed.callers,
                           .seed = typed.seed},
              .headless = typed.headless,
              .out = typed.out,
              .duration = FromSeconds(typed.duration),
              .screenshot = std::nullopt,
              .at = FromSeconds(typed.at),
              .theme = typed.theme == "dark" ? Theme::kDark : Theme::kLight,
              .scale = typed.scale};
  ReadSize(typed.size, flags.width, flags.height);
  if (!typed.screenshot.empty()) flags.screenshot = typed.screenshot;
  return flags;
}

}  // namespace sluice::sim
