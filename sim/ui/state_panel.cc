// The current state, as the picture of its algorithm.
#include <variant>

#include "picture.h"

namespace sluice::sim {

void DrawState(const Rect& rect, const Simulation& simulation, const View& view, const Look& look) {
  const ChosenPolicy& policy = simulation.policy();
  const Panel panel("state", rect, look, policy.info().picture(policy.numbers));
  const Scene scene{panel.pen(), look, simulation, view.watched, panel.content()};
  std::visit([&scene](const auto& algorithm) { DrawPicture(algorithm, scene); }, policy.algorithm);
}

}  // namespace sluice::sim
