// The parts of an explanation that all algorithms share.
#include "model/explain.h"

#include "model/algorithm_info.h"
#include "model/duration.h"

namespace sluice::sim {

Explanation Explain(const Request& request) {
  const Decision& decision = request.decision;
  const AlgorithmInfo& info = request.policy->info();
  Explanation text;
  text.verdict = decision.allowed ? "Admitted" : "Denied";
  const Algorithm& algorithm = request.policy->algorithm;
  const auto span = [&](Nanos time) {
    return IsTat(algorithm) ? Spans(RuleOf(algorithm).interval)(time) : SpanText(time);
  };
  text.answer = {{"remaining", "", "", FormatCount(decision.remaining)},
                 {"retry after", "", "", span(decision.retry_after)},
                 {std::string(info.reset), "", "", span(decision.reset_after)}};
  info.explain(request, text);
  return text;
}

}  // namespace sluice::sim
