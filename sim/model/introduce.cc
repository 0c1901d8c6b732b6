// A short introduction to each algorithm.
#include "model/explain.h"

namespace sluice::sim {

Introduction Introduce(const ChosenPolicy& policy) {
  switch (policy.kind()) {
    case AlgorithmKind::kTokenBucket:
      return {"How a token bucket decides",
              {"The bucket starts full. A request of cost n takes n tokens, or is denied and takes "
               "none.",
               "Tokens flow back at the refill rate, until the bucket is full.",
               "So its capacity is the largest burst, and its refill is the pace in the long "
               "run."}};
    case AlgorithmKind::kGcra:
      return {"How GCRA decides",
              {"It keeps one moment: the theoretical arrival time (TAT), when the next request "
               "would come if all came evenly.",
               "Each admitted request moves it on. Time catches up with it.",
               "A request is denied if the TAT would get too far ahead of now. The same answers as "
               "a token bucket's, seen from the other side."}};
    case AlgorithmKind::kLeakyBucket:
      if (policy.numbers.mode == LeakyBucket::Mode::kShape) {
        return {"How a shaping leaky bucket decides",
                {"The bucket is a queue. An admitted request is told how long to wait, so that "
                 "requests leave one by one, at the leak rate.",
                 "A request that finds the queue full is denied.",
                 "So what leaves is even, however uneven what comes."}};
      }
      return {"How a leaky bucket decides",
              {"Each admitted request pours its cost into the bucket, which leaks at a fixed rate.",
               "A request that would make it run over is denied.",
               "The same answers as a token bucket's, upside down."}};
    case AlgorithmKind::kFixedWindow:
      return {"How a fixed window decides",
              {"It counts the costs of one window, and starts at 0 with the next.",
               "A request that would bring the count above the limit is denied.",
               "At a boundary two windows meet: there, up to twice the limit gets through in the "
               "time of one."}};
    case AlgorithmKind::kSlidingWindow:
      return {"How a sliding window decides",
              {"It counts by fixed windows, and remembers the one before.",
               "Of that it counts the share that the last window's length still overlaps, as if "
               "its requests had come evenly.",
               "So the boundary burst nearly goes away, for two counters a caller."}};
    case AlgorithmKind::kSlidingLog:
      return {"How a sliding log decides",
              {"It remembers the time and the cost of every request admitted, and forgets those "
               "older than the window.",
               "A request that would bring their sum above the limit is denied.",
               "So it is exact in any window, and pays with memory for each request."}};
    case AlgorithmKind::kConcurrency:
      return {"How a concurrency limit decides",
              {"Each admitted call takes a slot and gives it back when it ends.",
               "A call that finds all slots held is denied.",
               "A slot that nobody gives back expires, so that a caller that crashed does not keep "
               "it."}};
  }
  return {};
}

}  // namespace sluice::sim
