// Runs the simulator like a user.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace sluice::sim {

struct Outcome {
  int exit_code = -1;
  std::string output;  ///< stdout and stderr
};

/// Runs sluice-sim with `flags` (shell syntax) and no display.
Outcome RunProgram(const std::string& flags);

/// A new display (Xvfb, 1280 x 800), closed with the object.
class Display {
 public:
  Display();
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  /// Runs sluice-sim on it. `wrapper` is a command that runs the program.
  Outcome RunProgram(const std::string& flags, const std::string& wrapper = "") const;

 private:
  pid_t server_ = -1;
  std::string name_;
};

std::string ReadFile(const std::filesystem::path& path);

/// A new folder, removed at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace sluice::sim
