// Fixed window, sliding window and sliding log, which count units in a time span.
#include <algorithm>
#include <utility>

#include "algorithms/list.h"
#include "info_parts.h"

namespace sluice::sim {
namespace {

// "cost 1 made it 13.", or the missing units; `frees` says when there will be room.
std::string Outcome(const Request& request, std::int64_t after, const std::string& frees) {
  const std::string cost = "cost " + FormatCount(request.cost);
  if (request.decision.allowed) return "; " + cost + " made it " + FormatCount(after) + ".";
  return "; " + cost + " does not fit. " + frees;
}

std::string OfLimit(std::int64_t count, const Request& request) {
  return FormatCount(count) + " of " + FormatCount(request.decision.limit);
}

Explanation::Fit CountFit(const Request& request, std::string name, std::int64_t taken) {
  return FitOf(std::move(name), static_cast<double>(taken), static_cast<double>(request.cost),
               static_cast<double>(request.decision.limit));
}

void ExplainFixedWindow(const Request& request, Explanation& text) {
  const auto& window = std::get<FixedWindow>(request.policy->algorithm);
  const auto& [left, count, unused] = request.before.numbers;
  const std::string ends = SpanText(Micros{left});
  text.reason = ReasonWithoutState(request, "a window's limit");
  if (text.reason.empty()) {
    const bool opens = count == 0 && window.align() == FixedWindow::Align::kFirstRequest;
    text.reason = opens ? "A new window began with this request"
                        : "The window had counted " + OfLimit(count, request);
    text.reason += Outcome(request, request.after.numbers[1], "The window ends in " + ends + ".");
  }
  text.fit = CountFit(request, "counted", count);
  text.rule = "admit if count + n \u2264 L";
  text.hint = "The count starts anew with each window.";
  text.lines = {{"limit", "L", "", FormatCount(window.limit())},
                {"counted so far", "count", "", FormatCount(count)},
                {"window ends in", "", "", ends},
                {"needed", "n", "", FormatCount(request.cost)}};
  text.test = CountTest(request, count);
}

void ExplainSlidingWindow(const Request& request, Explanation& text) {
  const auto& window = std::get<SlidingWindow>(request.policy->algorithm);
  const auto& [left, current, previous] = request.before.numbers;
  const std::int64_t width = window.window().count();
  const std::int64_t weight = (std::min(left, width) * 1024 + width - 1) / width;
  const std::int64_t estimate = window.Estimate(request.before);
  const std::int64_t share = estimate - current;

  text.reason = ReasonWithoutState(request, "the limit");
  if (text.reason.empty()) {
    text.reason = "The window before counted " + FormatCount(previous) + ", and " +
                  FormatNumber(100.0 * static_cast<double>(weight) / 1024, 0) +
                  " % of it still overlaps: " + FormatCount(share) + ". With " +
                  FormatCount(current) + " in this one the estimate was " +
                  OfLimit(estimate, request) +
                  Outcome(request, window.Estimate(request.after),
                          "It will in " + SpanText(request.decision.retry_after) + ".");
  }
  text.fit = CountFit(request, "estimate", estimate);
  text.rule = "admit if estimate + n \u2264 L";
  text.hint = "The window before counts by its overlap with the last " +
              FormatDuration(window.window()) + ".";
  text.lines = {
      {"window before", "p", "", FormatCount(previous)},
      {"this window", "c", "", FormatCount(current)},
      {"overlap", "w", "= " + SpanText(Micros{left}) + " / " + FormatDuration(window.window()),
       FormatCount(weight) + "/1,024"},
      {"estimate", "p \u00d7 w + c", "= " + FormatCount(share) + " + " + FormatCount(current),
       FormatCount(estimate)},
      {"needed", "n", "", FormatCount(request.cost)}};
  text.test = CountTest(request, estimate);
}

void ExplainSlidingLog(const Request& request, Explanation& text) {
  const auto& log = std::get<SlidingLog>(request.policy->algorithm);
  const std::int64_t sum = request.before.numbers[0];
  const std::string window = FormatDuration(log.window());
  text.reason = ReasonWithoutState(request, "the limit");
  if (text.reason.empty()) {
    text.reason =
        "The last " + window + " held " + OfLimit(sum, request) + " units" +
        Outcome(request, request.after.numbers[0],
                "Enough of them leave it in " + SpanText(request.decision.retry_after) + ".");
  }
  text.fit = CountFit(request, "in the last " + window, sum);
  text.rule = "admit if sum + n \u2264 L";
  text.hint = "The sum of all costs admitted in the last " + window + ", exactly.";
  text.lines = {{"limit", "L", "", FormatCount(log.limit())},
                {"in the last " + window, "sum", "", FormatCount(sum)},
                {"needed", "n", "", FormatCount(request.cost)}};
  text.test = CountTest(request, sum);
}

FixedWindow::Align AlignOf(const PolicyNumbers& n) {
  if (n["window"] == kWord) return FixedWindow::Align::kMonth;
  return static_cast<FixedWindow::Align>(n["align"]);
}

std::string FixedWindowNumbers(const PolicyNumbers& n) {
  switch (AlignOf(n)) {
    case FixedWindow::Align::kFirstRequest:
      return WindowNumbers(n) + ", from the first request";
    case FixedWindow::Align::kClock:
      return WindowNumbers(n) + ", by the clock";
    case FixedWindow::Align::kMonth:
      return "limit " + FormatCount(n["limit"]) + " a calendar month";
  }
  return {};
}

// In the order of FixedWindow::Align.
constexpr std::string_view kAligns[] = {"first-request", "clock"};
constexpr Field kFixedFields[] = {LimitField(20),
                                  WindowField("month"),
                                  {.name = "align",
                                   .help = "Windows start at the first-request, or by the clock",
                                   .kind = Field::Kind::kChoice,
                                   .choices = kAligns}};
constexpr Field kSlidingFields[] = {LimitField(20), WindowField()};

}  // namespace

const AlgorithmInfo kFixedWindowInfo{
    .name = FixedWindow::kName,
    .title = "Fixed window",
    .fields = kFixedFields,
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(FixedWindow::Make(n["limit"], n.Span("window"), AlignOf(n), fault));
        },
    .check = [](const PolicyNumbers& n) -> std::string {
      if (AlignOf(n) != FixedWindow::Align::kMonth || n["align"] != 0) return {};
      return "window month: a month goes by the calendar, so align has to be clock";
    },
    .used = UsedNumber<1>,
    .numbers = FixedWindowNumbers,
    .limit =
        [](const ChosenPolicy& policy) {
          return AtMost(policy) + " in each window, so up to twice that across a boundary";
        },
    .detail = [](const ChosenPolicy& policy) -> std::string {
      if (AlignOf(policy.numbers) != FixedWindow::Align::kFirstRequest) return {};
      return "a window starts at the first request after the last";
    },
    .picture = [](const PolicyNumbers&) -> std::string { return "In this window"; },
    .introduce = [](const PolicyNumbers&) -> Introduction {
      return {"How a fixed window decides",
              {"It counts the costs of one window, and starts at 0 with the next.",
               "A request that would bring the count above the limit is denied.",
               "At a boundary two windows meet: there, up to twice the limit gets through in the "
               "time of one."}};
    },
    .explain = ExplainFixedWindow,
};

const AlgorithmInfo kSlidingWindowInfo{
    .name = SlidingWindow::kName,
    .title = "Sliding window",
    .fields = kSlidingFields,
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(SlidingWindow::Make(n["limit"], n.Span("window"), fault));
        },
    .used =
        [](const Algorithm& algorithm, const Reading& reading) {
          return static_cast<double>(std::get<SlidingWindow>(algorithm).Estimate(reading));
        },
    .numbers = WindowNumbers,
    .limit =
        [](const ChosenPolicy& policy) {
          return "About " + FormatCount(policy.limit()) + " in any " +
                 FormatDuration(policy.numbers.Span("window"));
        },
    .detail = [](const ChosenPolicy&) -> std::string {
      return "the window before counts by its overlap";
    },
    .picture = [](const PolicyNumbers&) -> std::string { return "Estimate"; },
    .introduce = [](const PolicyNumbers&) -> Introduction {
      return {"How a sliding window decides",
              {"It counts by fixed windows, and remembers the one before.",
               "Of that it counts the share that the last window's length still overlaps, as if "
               "its requests had come evenly.",
               "So the boundary burst nearly goes away, for two counters a caller."}};
    },
    .explain = ExplainSlidingWindow,
};

const AlgorithmInfo kSlidingLogInfo{
    .name = SlidingLog::kName,
    .title = "Sliding log",
    .fields = kSlidingFields,
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(SlidingLog::Make(n["limit"], n.Span("window"), fault));
        },
    .used = UsedNumber<0>,
    .numbers = WindowNumbers,
    .limit =
        [](const ChosenPolicy& policy) {
          return AtMost(policy) + " in any " + FormatDuration(policy.numbers.Span("window")) +
                 ", exactly";
        },
    .detail = [](const ChosenPolicy&) -> std::string {
      return "every admitted call is remembered";
    },
    .picture =
        [](const PolicyNumbers& n) { return "In the last " + FormatDuration(n.Span("window")); },
    .introduce = [](const PolicyNumbers&) -> Introduction {
      return {"How a sliding log decides",
              {"It remembers the time and the cost of every request admitted, and forgets those "
               "older than the window.",
               "A request that would bring their sum above the limit is denied.",
               "So it is exact in any window, and pays with memory for each request."}};
    },
    .explain = ExplainSlidingLog,
};

}  // namespace sluice::sim
