// The command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "model/scenario.h"
#include "theme.h"

namespace sluice::sim {

struct Flags {
  Scenario scenario;
  bool headless = false;
  std::filesystem::path out;  ///< set if headless
  Nanos duration{0};          ///< the length of a headless run
  std::optional<std::filesystem::path> screenshot;
  Nanos at{0};  ///< the time of the screenshot
  int width = 1280;
  int height = 800;
  Theme theme = Theme::kDark;
  float scale = 1;
};

/// Exit codes of the program.
inline constexpr int kExitFailure = 1;  ///< a file could not be written
inline constexpr int kExitUsage = 2;    ///< a wrong flag, or no display

/// Reads the flags. None if the program must end with `exit_code`: after --help or --version, or
/// because a flag is wrong, which stderr then shows with its value.
std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code);

}  // namespace sluice::sim
