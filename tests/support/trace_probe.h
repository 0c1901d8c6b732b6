// The promises for every answer of every algorithm (DESIGN.md, section 5), checked by peeks at
// other moments and with other costs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/seed.h"
#include "support/subject.h"

namespace sluice::testing {

/// One call to a subject, at one moment of a clock with ticks.
class Probe {
 public:
  /// The kind of call, and its outcome.
  enum class Call { kPeek, kAdmitted, kDenied };

  Probe(Subject& subject, std::span<const Policy> policies, const Subject::Question& question,
        Nanos now, Nanos tick)
      : subject_(subject), policies_(policies), question_(question), now_(now), tick_(tick) {}

  /// Records the state before the call. Call it first.
  void Before();

  /// Returns the promises that the answer `told` breaks, or nothing:
  /// - property 2: retryAfter is tight: admitted after it, denied one tick earlier;
  /// - property 3: a denial or a peek leaves the state as it was, unless an option says otherwise;
  ///   an admission charges all policies, each by its cost;
  /// - property 4: a clock that stepped back admits nothing more, and delays by at most the step;
  /// - remaining is the largest cost that would be admitted;
  /// - resetAfter is the least time after which the key equals a new one.
  std::string After(Random& random, std::span<const Decision> told, Call call) const;

 private:
  struct Standing {
    std::vector<Decision> asked;  // the answers to the call
    std::vector<Decision> left;   // the answers to a call of cost 0
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
