// Shared parts of the explanations.
#pragma once

#include <string>
#include <string_view>

#include "model/duration.h"
#include "model/explain.h"

namespace sluice::sim {

/// Formats all spans of one explanation in one unit, so that a reader can check the sum.
class Spans {
 public:
  /// Takes the unit of `scale`, a typical span of the explanation.
  explicit Spans(Nanos scale);
  std::string operator()(Nanos span) const;

 private:
  TimeUnit unit_;
  int decimals_;
};

/// Formats a single span: in ms up to 10 s, the usual size of a wait.
std::string SpanText(Nanos span);

/// "Yes: admitted." or "No: denied."
std::string Answered(const Request& request);

/// "Cost 0 ...", or the reason why `holder` ("the bucket can ever hold") never admits the cost;
/// else "".
std::string ReasonWithoutState(const Request& request, std::string_view holder);

/// The shares in the picture: `taken` and `need` of `limit` units.
Explanation::Fit FitOf(std::string name, double taken, double need, double limit);

/// The rule's comparison in whole units: "19 + 1 <= 20?  Yes: admitted."
std::string CountTest(const Request& request, std::int64_t taken);

}  // namespace sluice::sim
