// Starts the program through the shell and collects what it says.
#include "program.h"

#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sluice::sim {
namespace {

Outcome RunShell(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot start a shell");
  Outcome outcome;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.output.append(buffer.data(), count);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

}  // namespace

Outcome RunProgram(const std::string& flags) {
  return RunShell("env -u DISPLAY -u WAYLAND_DISPLAY '" SLUICE_SIM_PROGRAM "' " + flags);
}

Outcome RunProgramOnDisplay(const std::string& flags, const std::string& wrapper) {
  return RunShell("xvfb-run -a -s '-screen 0 1280x800x24' " + wrapper +
                  " '" SLUICE_SIM_PROGRAM "' " + flags);
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-sim-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace sluice::sim
