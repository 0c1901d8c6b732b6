// The current state, as the picture of its algorithm.
#include <array>

#include "model/describe.h"
#include "picture.h"

namespace sluice::sim {
namespace {

using DrawPicture = void (*)(const Scene&);

constexpr std::array<DrawPicture, kAlgorithmKinds.size()> kPictures{
    &DrawTokenBucket,   &DrawGcra,       &DrawLeakyBucket, &DrawFixedWindow,
    &DrawSlidingWindow, &DrawSlidingLog, &DrawConcurrency};

}  // namespace

void DrawState(const Rect& rect, const Simulation& simulation, const View& view, const Look& look) {
  const ChosenPolicy& policy = simulation.policy();
  const Panel panel("state", rect, look, DescribePicture(policy));
  kPictures[static_cast<std::size_t>(policy.kind())](
      {panel.pen(), look, simulation, view.watched, panel.content()});
}

}  // namespace sluice::sim
