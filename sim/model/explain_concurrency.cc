// Explanation of concurrency: held slots.
#include "explain_parts.h"

namespace sluice::sim {

void ExplainConcurrency(const Request& request, Explanation& text) {
  const auto& slots = std::get<Concurrency>(request.policy->algorithm);
  const auto& [held, first_expires, last_expires] = request.before.numbers;
  const std::string of = FormatCount(held) + " of " + FormatCount(slots.limit()) + " slots";
  text.reason = ReasonWithoutState(request, "");
  if (text.reason.empty() && request.decision.allowed) {
    text.reason = of + " were held; this call took another, and keeps it for " +
                  SpanText(request.held) +
                  (request.held < slots.ttl() ? "." : ", when it expires.");
  } else if (text.reason.empty()) {
    text.reason = of + " were held. If nobody gives one back, one expires in " +
                  SpanText(Micros{first_expires}) + ".";
  }
  text.fit = FitOf("slots held", static_cast<double>(held), request.cost > 0 ? 1 : 0,
                   static_cast<double>(slots.limit()));
  text.rule = "admit if held < L";
  text.hint = "A call takes one slot, whatever it costs.";
  text.lines = {{"limit", "L", "", FormatCount(slots.limit())},
                {"slots held", "held", "", FormatCount(held)},
                {"time to live", "ttl", "", FormatDuration(slots.ttl())}};
  text.test = request.cost == 0 ? "n = 0: admitted."
                                : FormatCount(held) + " < " + FormatCount(slots.limit()) + "?  " +
                                      Answered(request);
}

}  // namespace sluice::sim
