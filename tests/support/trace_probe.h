// What is promised of every answer, whatever the algorithm (DESIGN.md, section 5), asked of a
// subject by peeking at other moments and for other costs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/seed.h"
#include "support/subject.h"

namespace sluice::testing {

/// One question put to a subject at one moment of a clock that counts ticks.
class Probe {
 public:
  Probe(Subject& subject, std::span<const Policy> policies, const Subject::Question& question,
        Nanos now, Nanos tick)
      : subject_(subject), policies_(policies), question_(question), now_(now), tick_(tick) {}

  /// All answers to the question at `moment`, as text.
  std::string Look(Nanos moment) const;

  /// Whether a denial of it may leave no trace.
  bool DenialsAreFree() const;

  /// After the question was answered with `told`: which promise is broken, or nothing.
  /// - retryAfter is tight: then admitted, one tick earlier denied;
  /// - remaining is the largest cost that would be admitted;
  /// - resetAfter is the least time after which the key equals one never seen;
  /// - a clock that stepped back admits nothing more, and delays by at most the step.
  /// `stands`: the state is the one that `told` describes.
  std::string After(Random& random, std::span<const Decision> told, bool stands) const;

 private:
  Nanos WholeTicks(Nanos span) const;
  std::vector<Decision> Peek(Nanos moment) const { return Peek(question_, moment); }
  std::vector<Decision> Peek(const Subject::Question& question, Nanos moment) const;

  std::string Retry(std::size_t i, const Decision& told) const;
  std::string Remaining(std::size_t i, const Decision& told) const;
  std::string Reset(std::size_t i, const Decision& told) const;
  std::string StepBack(Random& random) const;

  Subject& subject_;
  std::span<const Policy> policies_;
  const Subject::Question& question_;
  Nanos now_;
  Nanos tick_;
};

}  // namespace sluice::testing
