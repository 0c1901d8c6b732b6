// sluice-sim: a window, a screenshot, or files.
#include <iostream>
#include <memory>
#include <string>

#include "backend.h"
#include "flags.h"
#include "model/duration.h"
#include "model/report.h"
#include "png_file.h"
#include "screen.h"
#include "store/clock.h"

namespace sluice::sim {
namespace {

int Fail(int code, const std::string& message) {
  std::cerr << "sluice-sim: " << message << '\n';
  return code;
}

int RunHeadless(const Flags& flags) {
  std::string error;
  if (!WriteReport(flags.scenario, flags.duration, flags.out, error)) {
    return Fail(kExitFailure, "--out: " + error);
  }
  std::cout << "Wrote " << (flags.out / "summary.json").string() << " and "
            << (flags.out / "timeline.csv").string() << ".\n";
  return 0;
}

int TakeScreenshot(const Flags& flags, Backend& backend, const Screen& screen, Player& player,
                   View& view) {
  player.simulation().AdvanceTo(flags.at);
  // ImGui knows the size of an item only from the frame before.
  for (int frame = 0; frame < 3; ++frame) {
    backend.BeginFrame();
    screen.Draw(player, view);
    backend.EndFrame();
  }
  std::string error;
  if (!WritePng(flags.screenshot->string(), backend.Capture(), error)) {
    return Fail(kExitFailure, "--screenshot: " + error);
  }
  return 0;
}

int RunWindow(const Flags& flags) {
  const Screen screen(flags.theme, flags.scale);
  std::string error;
  const auto backend = OpenWindow({.width = flags.width,
                                   .height = flags.height,
                                   .background = screen.look().palette.background,
                                   .offscreen = flags.screenshot.has_value()},
                                  error);
  if (backend == nullptr) {
    return Fail(kExitUsage, "no window can be opened here (" + error +
                                "). Without a display use --headless --out DIR.");
  }
  Player player(flags.scenario);
  View view = MakeView(flags.scenario);
  if (flags.screenshot) return TakeScreenshot(flags, *backend, screen, player, view);

  const MonotonicClock clock;
  Nanos last = clock.Now();
  player.SetPlaying(true);
  while (backend->BeginFrame()) {
    const Nanos now = clock.Now();
    player.Tick(now - last);
    last = now;
    screen.Draw(player, view);
    backend->EndFrame();
  }
  return 0;
}

}  // namespace
}  // namespace sluice::sim

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto flags = sluice::sim::ParseFlags(argc, argv, exit_code);
  if (!flags) return exit_code;
  return flags->headless ? sluice::sim::RunHeadless(*flags) : sluice::sim::RunWindow(*flags);
}
