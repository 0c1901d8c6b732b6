#include "info_parts.h"

#include <utility>

#include "model/describe.h"

namespace sluice::sim {

std::string PaceText(const ChosenPolicy& policy) {
  const double a_second = *PacePerSecond(policy);
  return a_second >= 1 ? FormatNumber(a_second, 1) + " a second"
                       : FormatNumber(a_second * 60, 2) + " a minute";
}

std::string WindowNumbers(const PolicyNumbers& numbers) {
  return "limit " + FormatCount(numbers["limit"]) + ", window " +
         FormatDuration(numbers.Span("window"));
}

std::string AtMost(const ChosenPolicy& policy) { return "At most " + FormatCount(policy.limit()); }

std::string Answered(const Request& request) {
  return request.decision.allowed ? "Yes: admitted." : "No: denied.";
}

std::string ReasonWithoutState(const Request& request, std::string_view holder) {
  if (request.cost == 0) return "Cost 0 is always admitted and takes nothing.";
  if (request.decision.retry_after != kNever) return {};
  return "Cost " + FormatCount(request.cost) + " is more than " + std::string(holder) + " (" +
         FormatCount(request.decision.limit) + "), so it can never be admitted.";
}

Explanation::Fit FitOf(std::string name, double taken, double need, double limit) {
  return {.taken_name = std::move(name), .taken = taken / limit, .need = need / limit};
}

std::string CountTest(const Request& request, std::int64_t taken) {
  const std::string limit = FormatCount(request.decision.limit);
  if (request.decision.retry_after == kNever) {
    return "n \u2264 L?  " + FormatCount(request.cost) + " \u2264 " + limit +
           "?  No: denied for ever.";
  }
  return FormatCount(taken) + " + " + FormatCount(request.cost) + " \u2264 " + limit + "?  " +
         Answered(request);
}

}  // namespace sluice::sim
