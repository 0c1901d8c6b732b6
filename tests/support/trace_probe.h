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
  /// How the subject was asked, and what it did.
  enum class Call { kPeek, kAdmitted, kDenied };

  Probe(Subject& subject, std::span<const Policy> policies, const Subject::Question& question,
        Nanos now, Nanos tick)
      : subject_(subject), policies_(policies), question_(question), now_(now), tick_(tick) {}

  /// To be called first: takes down how things stand before the question is asked.
  void Before();

  /// After the question was answered with `told`: which promises are broken, or nothing.
  /// - property 2: retryAfter is tight: then admitted, one tick earlier denied;
  /// - property 3: a denial or a peek leaves the state as it was, unless an option says otherwise;
  ///   what is admitted is charged under all policies, each by its cost;
  /// - property 4: a clock that stepped back admits nothing more, and delays by at most the step;
  /// - remaining is the largest cost that would be admitted;
  /// - resetAfter is the least time after which the key equals one never seen.
  std::string After(Random& random, std::span<const Decision> told, Call call) const;

 private:
  struct Standing {
    std::vector<Decision> asked;  // what the question is answered
    std::vector<Decision> left;   // what one that costs nothing is
  };

  Nanos WholeTicks(Nanos span) const;
  Subject::Question Costless() const;
  Standing Stands() const { return {Peek(now_), Peek(Costless(), now_)}; }
  std::vector<Decision> Peek(Nanos moment) const { return Peek(question_, moment); }
  std::vector<Decision> Peek(const Subject::Question& question, Nanos moment) const;

  std::string Charges(std::span<const Decision> told, Call call) const;
  std::string Retry(std::size_t i, const Decision& told) const;
  std::string Remaining(std::size_t i, const Decision& told) const;
  std::string Reset(std::size_t i, const Decision& told) const;
  std::string StepBack(Random& random) const;

  Subject& subject_;
  std::span<const Policy> policies_;
  const Subject::Question& question_;
  Nanos now_;
  Nanos tick_;
  Standing before_;
};

}  // namespace sluice::testing
