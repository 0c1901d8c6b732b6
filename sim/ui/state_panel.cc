// The current state, as the picture of its algorithm.
#include <array>
#include <string>

#include "model/duration.h"
#include "picture.h"

namespace sluice::sim {
namespace {

using DrawPicture = void (*)(const Scene&);

constexpr std::array<DrawPicture, kAlgorithmKinds.size()> kPictures{
    &DrawTokenBucket,   &DrawGcra,       &DrawLeakyBucket, &DrawFixedWindow,
    &DrawSlidingWindow, &DrawSlidingLog, &DrawConcurrency};

std::string Title(const ChosenPolicy& policy) {
  switch (policy.kind()) {
    case AlgorithmKind::kTokenBucket:
      return "Tokens in the bucket";
    case AlgorithmKind::kGcra:
      return "Theoretical arrival time";
    case AlgorithmKind::kLeakyBucket:
      return policy.numbers.mode == LeakyBucket::Mode::kShape ? "The queue" : "In the bucket";
    case AlgorithmKind::kFixedWindow:
      return "In this window";
    case AlgorithmKind::kSlidingWindow:
      return "Estimate";
    case AlgorithmKind::kSlidingLog:
      return "In the last " + FormatDuration(policy.numbers.window);
    case AlgorithmKind::kConcurrency:
      return "Slots held";
  }
  return {};
}

}  // namespace

void DrawState(const Rect& rect, const Simulation& simulation, const View& view, const Look& look) {
  const ChosenPolicy& policy = simulation.policy();
  const Panel panel("state", rect, look, Title(policy));
  kPictures[static_cast<std::size_t>(policy.kind())](
      {panel.pen(), look, simulation, view.watched, panel.content()});
}

}  // namespace sluice::sim
