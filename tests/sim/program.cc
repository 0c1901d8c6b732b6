// Runs the program through the shell and collects its output.
#include "program.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

// Not xvfb-run: it guesses a display number, and can lose the race for it or for its own cleanup.
// Xvfb picks a free number itself, and writes it once it accepts clients.
Display::Display() {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("cannot make a pipe");
  const std::string write_end = std::to_string(ends[1]);
  server_ = ::fork();
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // so that a test that crashes leaves no server behind
    ::close(ends[0]);
    ::execlp("Xvfb", "Xvfb", "-displayfd", write_end.c_str(), "-screen", "0", "1280x800x24",
             "-nolisten", "tcp", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[1]);
  name_ = ":";
  char digit = 0;
  while (::read(ends[0], &digit, 1) == 1 && digit != '\n') name_ += digit;
  ::close(ends[0]);
  if (server_ < 0 || name_ == ":")
    throw std::runtime_error("Xvfb does not start; is it installed?");
}

Display::~Display() {
  ::kill(server_, SIGTERM);
  ::waitpid(server_, nullptr, 0);
}

Outcome Display::RunProgram(const std::string& flags, const std::string& wrapper) const {
  return RunShell("env -u WAYLAND_DISPLAY DISPLAY=" + name_ + " " + wrapper +
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
