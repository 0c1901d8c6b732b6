// The command line, read with CLI11.
#include "flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "algorithms/list.h"
#include "model/duration.h"
#include "model/traffic.h"

namespace sluice::sim {
namespace {

constexpr int kSmallestSide = 400;
constexpr int kLargestSide = 8192;
constexpr double kLongestRun = 1e6;  // seconds

struct PolicyFlag {
  std::string text;
  const CLI::Option* option = nullptr;
};

// The values as typed. CLI11 checks numbers and ranges; the code below checks the rest.
struct Typed {
  std::string algorithm{TokenBucket::kName};
  std::map<std::string_view, PolicyFlag> fields;  // by name
  std::vector<std::string> volleys;
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

std::string Joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string all;
  for (const std::string& text : texts) all.append(all.empty() ? "" : between).append(text);
  return all;
}

// Declares a flag for the fields of this name. Help names its algorithms and their defaults.
void DeclareField(CLI::App& app, const Field& field, PolicyFlag& flag) {
  std::vector<std::string> algorithms;
  std::vector<std::string> defaults;
  for (const AlgorithmInfo* info : kAlgorithms) {
    const Field* own = FieldNamed(*info, field.name);
    if (own == nullptr) continue;
    algorithms.emplace_back(info->name);
    const std::string text = TextOf(PolicyNumbers(*info), *own);
    if (std::ranges::find(defaults, text) == defaults.end()) defaults.push_back(text);
  }
  flag.option = app.add_option("--" + std::string(field.name), flag.text,
                               std::string(field.help) + " (" + Joined(algorithms, ", ") + ")")
                    ->group("Policy")
                    ->default_str(Joined(defaults, " or "));
}

void DeclarePolicy(CLI::App& app, Typed& typed) {
  std::vector<std::string> names;
  names.reserve(kAlgorithms.size());
  for (const AlgorithmInfo* info : kAlgorithms) names.emplace_back(info->name);
  app.add_option("--algorithm", typed.algorithm, Joined(names, ", "))->group("Policy");
  for (const AlgorithmInfo* info : kAlgorithms) {
    for (const Field& field : info->fields) {
      const auto [flag, is_new] = typed.fields.try_emplace(field.name);
      if (is_new) DeclareField(app, field, flag->second);
    }
  }
}

void Declare(CLI::App& app, Typed& typed) {
  app.set_help_flag("--help", "Show this text");
  app.set_version_flag("--version", "sluice-sim " SLUICE_VERSION);
  app.option_defaults()->always_capture_default();

  DeclarePolicy(app, typed);
  const std::string traffic = "Traffic";
  app.add_option("--rate", typed.rate, "Requests a second, Poisson, over all callers")
      ->check(Between(0, kHighestRate))
      ->group(traffic);
  app.add_option("--callers", typed.callers, "Callers, each with a limit of its own")
      ->check(Between(1, kMostCallers))
      ->group(traffic);
  app.add_option(
         "--send", typed.volleys,
         "Further requests of the first caller: 20@3.9s, or 20@3s..3.9s, spread evenly; may "
         "be given again")
      ->group(traffic)
      ->take_all();
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

std::string Fault(std::string_view flag, std::string_view value, std::string_view why) {
  std::string text = "--";
  return text.append(flag).append(" '").append(value).append("' ").append(why);
}

// The chosen policy, or what is wrong with it in `fault`.
std::optional<ChosenPolicy> ReadPolicy(const Typed& typed, std::string& fault) {
  const AlgorithmInfo* info = AlgorithmNamed(typed.algorithm);
  if (info == nullptr) {
    fault = Fault("algorithm", typed.algorithm, "is none; sluice-sim --help names them");
    return std::nullopt;
  }
  PolicyNumbers numbers(*info);
  for (const auto& [name, flag] : typed.fields) {
    if (flag.option->count() == 0) continue;
    const Field* field = FieldNamed(*info, name);
    if (field == nullptr) {
      std::vector<std::string> own;
      for (const Field& has : info->fields) own.push_back("--" + std::string(has.name));
      fault = Fault(name, flag.text,
                    "is not for " + typed.algorithm + ", which takes " + Joined(own, ", "));
      return std::nullopt;
    }
    if (!SetField(numbers, *field, flag.text, fault)) {
      fault.insert(0, "--");  // it begins with the field's name
      return std::nullopt;
    }
  }
  // The API does the same.
  for (const Field& field : info->fields) {
    const bool is_missing = typed.fields.at(field.name).option->count() == 0;
    if (is_missing && !field.copies.empty()) numbers[field.name] = numbers[field.copies];
  }
  auto policy = MakePolicy(numbers, fault);
  if (!policy) fault.insert(0, "--");
  return policy;
}

bool ReadVolleys(const Typed& typed, std::vector<Volley>& volleys, std::string& fault) {
  std::uint64_t requests = 0;
  for (const std::string& text : typed.volleys) {
    const auto volley = ParseVolley(text);
    if (!volley) {
      fault = Fault("send", text, "is not like 20@3.9s or 20@3s..3.9s, of 1 to 100,000 requests");
      return false;
    }
    requests += volley->count;
    volleys.push_back(*volley);
  }
  if (requests <= kMostScripted) return true;
  fault = "--send: " + std::to_string(requests) + " requests in all are more than 100,000";
  return false;
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
  std::vector<Volley> volleys;
  const auto policy = ReadPolicy(typed, fault);
  if (!policy || !ReadVolleys(typed, volleys, fault)) {
    Refuse(fault, exit_code);
    return std::nullopt;
  }
  if (!IsRate(typed.rate)) {
    Refuse("--rate: " + FormatNumber(typed.rate, 9) + " is below " + FormatNumber(kLowestRate, 3) +
               "; take 0 for no traffic",
           exit_code);
    return std::nullopt;
  }

  Flags flags{.scenario = {.policy = *policy,
                           .rate = typed.rate,
                           .callers = typed.callers,
                           .seed = typed.seed,
                           .volleys = volleys},
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
