// Token bucket, GCRA and leaky bucket, which share their arithmetic.
#include "algorithms/list.h"
#include "core/tat.h"
#include "info_parts.h"

namespace sluice::sim {
namespace {

// The numbers of one request under a TAT policy.
struct Tat {
  explicit Tat(const Request& from)
      : request(from),
        rule(RuleOf(from.policy->algorithm)),
        backlog(from.before.numbers[0]),
        spans(rule.interval) {}

  // Negative while in debt (the capacity was lowered).
  Nanos RoomBefore() const { return rule.Span() - backlog; }
  Nanos RoomAfter() const { return rule.Span() - Nanos{request.after.numbers[0]}; }
  bool Possible() const { return request.cost <= rule.capacity; }
  // Precondition: Possible().
  Nanos Need() const { return request.cost * rule.interval; }
  std::string Amount(Nanos time, bool round_up = false) const {
    return FormatTokens(rule, time, round_up);
  }
  std::string Cost() const { return FormatCount(request.cost); }
  std::string Capacity() const { return FormatCount(rule.capacity); }

  const Request& request;
  TatRule rule;
  Nanos backlog;
  Spans spans;
};

struct Words {
  const char* unit;   // "one token"
  const char* whole;  // "full refill"
  const char* taken;  // "not refilled yet"
  const char* fit;    // "taken, not refilled yet: b"
  const char* hint;
};

void FillIn(const Tat& tat, const Words& words, Explanation& text) {
  const std::string interval = tat.spans(tat.rule.interval);
  const std::string room = tat.spans(tat.RoomBefore());
  const auto times = [&](std::int64_t count) {
    return "= " + FormatCount(count) + " \u00d7 " + interval;
  };
  text.rule = "admit if n \u00d7 I \u2264 C \u00d7 I \u2212 b";
  text.hint = words.hint;
  const auto span = static_cast<double>(tat.rule.Span().count());
  text.fit = FitOf(
      words.fit, static_cast<double>(tat.backlog.count()),
      static_cast<double>(tat.request.cost) * static_cast<double>(tat.rule.interval.count()), span);
  text.lines = {{words.unit, "I", "", interval},
                {words.whole, "C \u00d7 I", times(tat.rule.capacity), tat.spans(tat.rule.Span())},
                {words.taken, "b", "", tat.spans(tat.backlog)},
                {"room", "C \u00d7 I \u2212 b", "", room}};
  if (!tat.Possible()) {
    text.test =
        "n \u2264 C?  " + tat.Cost() + " \u2264 " + tat.Capacity() + "?  No: denied for ever.";
    return;
  }
  const std::string need = tat.spans(tat.Need());
  text.lines.push_back({"needed", "n \u00d7 I", times(tat.request.cost), need});
  text.test = need + " \u2264 " + room + "?  " + Answered(tat.request);
}

std::string Tokens(const std::string& amount) {
  return amount + (amount == "1" ? " token" : " tokens");
}

std::string TokenReason(const Tat& tat) {
  const std::string held =
      tat.RoomBefore() >= Nanos{0}
          ? "The bucket held " + tat.Amount(tat.RoomBefore()) + " tokens"
          : "The bucket was " + tat.Amount(-tat.RoomBefore(), true) + " tokens below empty";
  if (tat.request.decision.allowed) {
    return held + "; cost " + tat.Cost() + " took " + Tokens(tat.Cost()) + " and left " +
           tat.Amount(tat.RoomAfter()) + ".";
  }
  const Nanos missing = tat.request.decision.retry_after;
  return held + "; cost " + tat.Cost() + " needs " + Tokens(tat.Cost()) + ". The missing " +
         tat.Amount(missing, true) + " refill in " + tat.spans(missing) + ".";
}

std::string CellReason(const Tat& tat) {
  const std::string ahead =
      tat.backlog == Nanos{0}
          ? std::string("The theoretical arrival time (TAT) had passed")
          : "The theoretical arrival time (TAT) was " + tat.spans(tat.backlog) + " ahead of now";
  const std::string moves = ". Cost " + tat.Cost() + " moves it by " + tat.spans(tat.Need());
  if (tat.request.decision.allowed) {
    return ahead + moves + ": it may be up to " + tat.spans(tat.rule.Span()) + " ahead.";
  }
  return ahead + moves + ", which is " + tat.spans(tat.request.decision.retry_after) + " too far.";
}

std::string LeakReason(const Tat& tat, bool shapes) {
  const std::string held = "The bucket held " + tat.Amount(tat.backlog, true) + " of " +
                           tat.Capacity() + (tat.rule.capacity == 1 ? " unit" : " units");
  if (!tat.request.decision.allowed) {
    const Nanos over = tat.request.decision.retry_after;
    return held + "; with cost " + tat.Cost() + " it would run over by " + tat.Amount(over, true) +
           ", which leak out in " + tat.spans(over) + ".";
  }
  std::string filled = held + "; cost " + tat.Cost() + " filled it to " +
                       tat.Amount(Nanos{tat.request.after.numbers[0]}, true) + ".";
  if (!shapes) return filled;
  const Nanos delay = tat.request.decision.delay;
  if (delay == Nanos{0}) return filled + " Nothing was before it, so it goes on at once.";
  return filled + " What was before it leaks out first, so it is held back for " +
         tat.spans(delay) + ".";
}

LeakyBucket::Mode ModeOf(const PolicyNumbers& n) {
  return static_cast<LeakyBucket::Mode>(n["mode"]);
}
bool Shapes(const PolicyNumbers& n) { return ModeOf(n) == LeakyBucket::Mode::kShape; }

void ExplainTokenBucket(const Request& request, Explanation& text) {
  const Tat tat(request);
  text.reason = ReasonWithoutState(request, "the bucket can ever hold");
  if (text.reason.empty()) text.reason = TokenReason(tat);
  FillIn(tat,
         {.unit = "one token",
          .whole = "full refill",
          .taken = "not refilled yet",
          .fit = "taken, not refilled yet: b",
          .hint = "It counts in time: a token is the time that its refill takes."},
         text);
}

void ExplainGcra(const Request& request, Explanation& text) {
  const Tat tat(request);
  text.reason = ReasonWithoutState(request, "the burst");
  if (text.reason.empty()) text.reason = CellReason(tat);
  FillIn(tat,
         {.unit = "between units",
          .whole = "furthest ahead",
          .taken = "TAT is ahead",
          .fit = "TAT ahead of now: b",
          .hint = "b is how far the TAT is ahead of now; C is the burst."},
         text);
}

void ExplainLeakyBucket(const Request& request, Explanation& text) {
  const Tat tat(request);
  const bool shapes = Shapes(request.policy->numbers);
  text.reason = ReasonWithoutState(request, "the bucket can ever hold");
  if (text.reason.empty()) text.reason = LeakReason(tat, shapes);
  FillIn(tat,
         {.unit = "one unit leaks in",
          .whole = "full bucket",
          .taken = "in the bucket",
          .fit = "in the bucket: b",
          .hint = "It counts in time: a unit is the time that it takes to leak out."},
         text);
  if (shapes && request.decision.allowed) {
    text.answer.insert(text.answer.begin() + 1,
                       {"goes on after", "b", "", tat.spans(request.decision.delay)});
  }
}

double UsedOfTat(const Algorithm& algorithm, const Reading& reading) {
  return static_cast<double>(reading.numbers[0]) /
         static_cast<double>(RuleOf(algorithm).interval.count());
}

// "capacity 20, refill 10 every 1 s"
std::string BucketNumbers(const PolicyNumbers& n, const std::string& rate) {
  return "capacity " + FormatCount(n["capacity"]) + ", " + rate + " " + FormatCount(n[rate]) +
         " every " + FormatDuration(n.Span("every"));
}

std::string AtOnceThenPace(const ChosenPolicy& policy) {
  return AtMost(policy) + " at once, then " + PaceText(policy);
}

std::string OneEvery(const char* unit, const ChosenPolicy& policy) {
  return std::string(unit) + " every " + FormatDuration(RuleOf(policy.algorithm).interval);
}

std::string OneUnitEvery(const ChosenPolicy& policy) { return OneEvery("one unit", policy); }

constexpr Field kTokenFields[] = {
    kCapacity, {.name = "refill", .help = "Tokens added per --every", .initial = 10}, kEvery};

constexpr Field kCellFields[] = {LimitField(10),
                                 kEvery,
                                 {.name = "burst",
                                  .help = "The most at once; without it the limit",
                                  .initial = 10,
                                  .copies = "limit"}};

constexpr std::string_view kModes[] = {"police", "shape"};
constexpr Field kLeakyFields[] = {
    kCapacity,
    {.name = "leak", .help = "Units that leak out per --every", .initial = 10},
    kEvery,
    {.name = "mode",
     .help = "police: deny what overflows; shape: hold calls back too, so that they leave evenly",
     .kind = Field::Kind::kChoice,
     .choices = kModes}};

}  // namespace

const AlgorithmInfo kTokenBucketInfo{
    .name = TokenBucket::kName,
    .title = "Token bucket",
    .fields = kTokenFields,
    .most = "capacity",
    .rate = "refill",
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(TokenBucket::Make(n["capacity"], n["refill"], n.Span("every"), fault));
        },
    .used = UsedOfTat,
    .numbers = [](const PolicyNumbers& n) { return BucketNumbers(n, "refill"); },
    .limit = AtOnceThenPace,
    .detail = [](const ChosenPolicy& policy) { return OneEvery("one token", policy); },
    .pace = "refill",
    .units = "tokens",
    .picture = [](const PolicyNumbers&) -> std::string { return "Tokens in the bucket"; },
    .introduce = [](const PolicyNumbers&) -> Introduction {
      return {"How a token bucket decides",
              {"The bucket starts full. A request of cost n takes n tokens, or is denied and takes "
               "none.",
               "Tokens flow back at the refill rate, until the bucket is full.",
               "So its capacity is the largest burst, and its refill is the pace in the long "
               "run."}};
    },
    .explain = ExplainTokenBucket,
    .reset = "full again after",
};

const AlgorithmInfo kGcraInfo{
    .name = Gcra::kName,
    .title = "GCRA",
    .fields = kCellFields,
    .most = "burst",
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(Gcra::Make(n["burst"], n["limit"], n.Span("every"), fault));
        },
    .used = UsedOfTat,
    .numbers =
        [](const PolicyNumbers& n) {
          return "limit " + FormatCount(n["limit"]) + " every " + FormatDuration(n.Span("every")) +
                 ", burst " + FormatCount(n["burst"]);
        },
    .limit = AtOnceThenPace,
    .detail = OneUnitEvery,
    .picture = [](const PolicyNumbers&) -> std::string { return "Theoretical arrival time"; },
    .introduce = [](const PolicyNumbers&) -> Introduction {
      return {"How GCRA decides",
              {"It keeps one moment: the theoretical arrival time (TAT), when the next request "
               "would come if all came evenly.",
               "Each admitted request moves it on. Time catches up with it.",
               "A request is denied if the TAT would get too far ahead of now. The same answers as "
               "a token bucket's, seen from the other side."}};
    },
    .explain = ExplainGcra,
};

const AlgorithmInfo kLeakyBucketInfo{
    .name = LeakyBucket::kName,
    .title = "Leaky bucket",
    .fields = kLeakyFields,
    .most = "capacity",
    .rate = "leak",
    .make =
        [](const PolicyNumbers& n, PolicyFault& fault) {
          return Made(
              LeakyBucket::Make(n["capacity"], n["leak"], n.Span("every"), ModeOf(n), fault));
        },
    .used = UsedOfTat,
    .numbers =
        [](const PolicyNumbers& n) {
          return BucketNumbers(n, "leak") + (Shapes(n) ? ", shape" : ", police");
        },
    .limit =
        [](const ChosenPolicy& policy) {
          return Shapes(policy.numbers)
                     ? AtMost(policy) + " in the queue, forwarded at " + PaceText(policy)
                     : AtOnceThenPace(policy);
        },
    .detail = OneUnitEvery,
    .pace = "leak",
    .picture = [](const PolicyNumbers& n) -> std::string {
      return Shapes(n) ? "The queue" : "In the bucket";
    },
    .introduce = [](const PolicyNumbers& numbers) -> Introduction {
      if (Shapes(numbers)) {
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
    },
    .explain = ExplainLeakyBucket,
    .reset = "empty after",
};

}  // namespace sluice::sim
