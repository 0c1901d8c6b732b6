// Reader of the shared vectors. Refuses mistakes that would silently weaken them.
#include "support/vectors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "support/policies.h"

namespace sluice::testing {
namespace {

using Json = nlohmann::json;

Nanos ReadTime(const Json& json, bool may_be_never = false) {
  const auto& text = json.get_ref<const std::string&>();
  if (may_be_never && text == "never") return kNever;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end != text.data() + text.size() || count < 0) {
    throw std::runtime_error("not a time in ns: " + text);
  }
  return Nanos{count};
}

Algorithm ReadTatAlgorithm(const std::string& algorithm, const Json& json) {
  const Nanos every = ReadTime(json.at("every"));
  if (algorithm == "tokenBucket") return Bucket(json.at("capacity"), json.at("refill"), every);
  if (algorithm == "gcra") {
    const std::int64_t limit = json.at("limit");
    return CellRate(json.value("burst", limit), limit, every);
  }
  if (algorithm != "leakyBucket") throw std::runtime_error("no algorithm: " + algorithm);
  const std::string mode = json.value("mode", "police");
  if (mode != "police" && mode != "shape") throw std::runtime_error("no mode: " + mode);
  return Leaky(json.at("capacity"), json.at("leak"), every,
               mode == "shape" ? LeakyBucket::Mode::kShape : LeakyBucket::Mode::kPolice);
}

FixedWindow ReadFixedWindow(const Json& json) {
  using Align = FixedWindow::Align;
  const std::string align = json.value("align", "first-request");
  if (align != "first-request" && align != "clock") throw std::runtime_error("no align: " + align);
  if (json.at("window") == "month") {
    if (align != "clock") throw std::runtime_error("a month that is not the clock's");
    return Fixed(json.at("limit"), Nanos{0}, Align::kMonth);
  }
  return Fixed(json.at("limit"), ReadTime(json["window"]),
               align == "clock" ? Align::kClock : Align::kFirstRequest);
}

Algorithm ReadAlgorithm(const Json& json) {
  const std::string algorithm = json.value("algorithm", "tokenBucket");
  if (algorithm == "fixedWindow") return ReadFixedWindow(json);
  if (algorithm == "slidingWindow") return Sliding(json.at("limit"), ReadTime(json.at("window")));
  if (algorithm == "slidingLog") return Log(json.at("limit"), ReadTime(json.at("window")));
  if (algorithm == "concurrency") return Slots(json.at("limit"), ReadTime(json.at("ttl")));
  const Algorithm tat = ReadTatAlgorithm(algorithm, json);
  if (RuleOf(tat).interval != ReadTime(json.at("interval"))) {
    throw std::runtime_error("the interval is another: " +
                             std::to_string(RuleOf(tat).interval.count()));
  }
  return tat;
}

Policy ReadPolicy(const Json& json) {
  return {.name = json.at("name"),
          .algorithm = ReadAlgorithm(json),
          .block_for = json.contains("blockFor") ? ReadTime(json["blockFor"]) : Nanos{0},
          .charge_denied = json.value("chargeDenied", false),
          .enforce = json.value("enforce", true)};
}

std::vector<Policy> ReadPolicies(const Json& json) {
  std::vector<Policy> policies;
  for (const Json& policy : json) policies.push_back(ReadPolicy(policy));
  return policies;
}

// The `field` of each policy; with a single policy it is not a list.
Json PerPolicy(const Json& json, const char* field, std::size_t count) {
  Json list = json.at(field);
  if (count == 1) list = Json::array({list});
  if (!list.is_array() || list.size() != count) {
    throw std::runtime_error(std::string("not one per policy: ") + field);
  }
  return list;
}

Decision ReadDecision(const Json& json, const Policy& policy, const Ask& ask) {
  return {.allowed = json.at("allowed"),
          .enforced = policy.enforce,
          .limit = ask.limit == kOwnLimit ? LimitOf(policy.algorithm) : ask.limit,
          .remaining = json.at("remaining"),
          .retry_after = ReadTime(json.at("retryAfter"), true),
          .reset_after = ReadTime(json.at("resetAfter")),
          .delay = json.contains("delay") ? ReadTime(json["delay"]) : Nanos{0}};
}

// The fields of a check or a peek.
void ReadCheck(const Json& json, const std::vector<Policy>& policies, VectorStep& step) {
  const std::size_t count = policies.size();
  const Json costs = PerPolicy(json, "cost", count);
  const Json limits = json.contains("limits") ? PerPolicy(json, "limits", count) : Json();
  const Json answers = count == 1 ? Json::array({json}) : PerPolicy(json, "policies", count);
  if (json.contains("maxWait")) step.max_wait = ReadTime(json["maxWait"]);
  step.allowed = json.at("allowed");
  bool all = true;
  for (std::size_t i = 0; i < count; ++i) {
    const bool own = limits.is_null() || limits[i].is_null();
    const Ask ask{.cost = costs[i], .limit = own ? kOwnLimit : limits[i].get<int64_t>()};
    if (!own && !WithLimit(policies[i].algorithm, ask.limit)) {
      throw std::runtime_error("a limit out of range");
    }
    step.asks.push_back(ask);
    step.decisions.push_back(ReadDecision(answers[i], policies[i], ask));
    all = all && (step.decisions[i].allowed || !policies[i].enforce);
  }
  // A single shadow policy has both answers in one field: its own.
  const bool own = count == 1 && !policies[0].enforce;
  if (own) step.allowed = true;
  if (all != step.allowed) throw std::runtime_error("'allowed' is not the answer of all policies");
}

VectorStep::Op ReadOp(const Json& json) {
  using Op = VectorStep::Op;
  static const std::map<std::string, Op> kOps = {
      {"check", Op::kCheck},   {"peek", Op::kPeek},   {"debit", Op::kDebit},
      {"credit", Op::kCredit}, {"abort", Op::kAbort}, {"release", Op::kRelease},
      {"renew", Op::kRenew},   {"block", Op::kBlock}, {"unblock", Op::kUnblock},
      {"reset", Op::kReset},   {"use", Op::kUse}};
  const auto found = kOps.find(json.value("op", "check"));
  if (found == kOps.end()) throw std::runtime_error("no op: " + json.value("op", ""));
  return found->second;
}

std::vector<std::size_t> ReadWhich(const Json& json, const std::vector<Policy>& policies) {
  std::vector<std::string> names;
  if (json.contains("which")) names = json["which"];
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (names.empty() || std::ranges::count(names, policies[i].name) > 0) which.push_back(i);
  }
  if (!names.empty() && which.size() != names.size()) {
    throw std::runtime_error("blocks a policy that is not there");
  }
  return which;
}

// `policies` are the policies of this step; on return, the next step's.
VectorStep ReadStep(const Json& json, const Vector& vector, std::vector<Policy>& policies) {
  using Op = VectorStep::Op;
  VectorStep step;
  step.op = ReadOp(json);
  if (step.op == Op::kUse) {
    step.policies = policies = ReadPolicies(json.at("policies"));
    return step;
  }
  step.now = ReadTime(json.at("now"));
  if (!vector.ns_only && step.now.count() % 1000 != 0) {
    throw std::runtime_error("a part of a microsecond, and not marked nsOnly");
  }
  if (step.op == Op::kCheck || step.op == Op::kPeek) ReadCheck(json, policies, step);
  if (step.op == Op::kDebit || step.op == Op::kCredit || step.op == Op::kAbort) {
    for (const Json& units : PerPolicy(json, "units", policies.size())) {
      step.units.push_back(units);
    }
  }
  const bool names_one = step.op == Op::kAbort || step.op == Op::kRelease || step.op == Op::kRenew;
  if (names_one || json.contains("of")) {
    step.of = json.at("of").get<std::size_t>();
    if (*step.of >= vector.steps.size() || vector.steps[*step.of].op != Op::kCheck) {
      throw std::runtime_error("'of' is not a check before it");
    }
  }
  if (step.op == Op::kRelease || step.op == Op::kRenew) step.done = json.at("done");
  if (step.op == Op::kBlock) step.span = ReadTime(json.at("span"));
  if (step.op == Op::kBlock || step.op == Op::kUnblock) step.which = ReadWhich(json, policies);
  return step;
}

Vector ReadVector(const Json& json) {
  Vector vector;
  vector.name = json.at("name");
  if (json.at("why").get<std::string>().empty()) throw std::runtime_error("no reason given");
  vector.ns_only = json.value("nsOnly", false);
  vector.policies = ReadPolicies(json.at("policies"));
  std::vector<Policy> policies = vector.policies;
  for (const Json& step : json.at("steps")) {
    try {
      vector.steps.push_back(ReadStep(step, vector, policies));
    } catch (const std::exception& error) {
      throw std::runtime_error("step " + std::to_string(vector.steps.size()) + ": " + error.what());
    }
  }
  return vector;
}

ReservationStep ReadReservationStep(const Json& json, std::size_t policies) {
  using Kind = Operation::Kind;
  static const std::map<std::string, Kind> kKinds = {
      {"reserve", Kind::kReserve},  {"extend", Kind::kExtend}, {"checkpoint", Kind::kCheckpoint},
      {"renew", Kind::kCheckpoint}, {"settle", Kind::kSettle}, {"cancel", Kind::kCancel},
      {"peek", Kind::kPeek},        {"reset", Kind::kReset}};
  static const std::map<std::string, OnExpire> kRules = {{"estimate", OnExpire::kEstimate},
                                                         {"checkpoint", OnExpire::kCheckpoint},
                                                         {"refund", OnExpire::kRefund}};
  static const std::map<std::string, HoldOutcome> kOutcomes = {{"ok", HoldOutcome::kOk},
                                                               {"unknown", HoldOutcome::kUnknown},
                                                               {"expired", HoldOutcome::kExpired},
                                                               {"settled", HoldOutcome::kSettled}};
  const auto millis = [&json](const char* field) {
    return std::chrono::milliseconds(json.value(field, std::int64_t{0}));
  };
  Operation::Options options;
  // Slots and reservations need a holder that is not 0.
  options.holder = {.high = 1, .low = json.value("id", std::uint64_t{0})};
  options.hold_for = millis("ttl");
  options.on_expire = kRules.at(json.value("rule", "estimate"));
  std::array<std::int64_t, kMaxPolicies> costs{};
  if (json.contains("units")) {
    const Json& units = json["units"];
    if (units.size() != policies) throw std::runtime_error("not one per policy: units");
    for (std::size_t i = 0; i < policies; ++i) {
      if (units[i].is_null()) continue;
      costs[i] = units[i];
      options.which |= PolicyBits{1} << i;
    }
  }
  ReservationStep step;
  step.at = millis("at");
  if (json.contains("allowed")) step.allowed = json["allowed"].get<bool>();
  step.remaining = json.value("remaining", std::vector<std::int64_t>{});
  step.outcome = kOutcomes.at(json.value("outcome", "ok"));
  step.charged = json.value("charged", std::vector<std::int64_t>{});
  if (json.contains("spent")) {
    step.spent = 0;
    for (std::size_t i = 0; i < policies; ++i) {
      if (json["spent"].at(i).get<bool>()) *step.spent |= PolicyBits{1} << i;
    }
  }
  const Kind kind = kKinds.at(json.at("op"));
  step.operation = {.kind = kind,
                    .costs = Costs(std::span(costs).first(policies)),
                    .options = std::make_shared<const Operation::Options>(std::move(options))};
  return step;
}

void ReadFile(const std::filesystem::path& path, std::vector<Vector>& vectors) {
  std::ifstream file(path);
  const Json json = Json::parse(file);
  std::set<std::string> names;
  for (const Json& entry : json.at("vectors")) {
    try {
      vectors.push_back(ReadVector(entry));
    } catch (const std::exception& error) {
      throw std::runtime_error(path.filename().string() + ": " +
                               entry.value("name", "a vector without a name") + ": " +
                               error.what());
    }
    vectors.back().file = path.stem().string();
    if (!names.insert(vectors.back().name).second) {
      throw std::runtime_error(path.filename().string() + ": twice: " + vectors.back().name);
    }
  }
}

}  // namespace

std::vector<Vector> AllVectors() {
  std::set<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(SLUICE_SOURCE_DIR "/tests/vectors")) {
    paths.insert(entry.path());
  }
  std::vector<Vector> vectors;
  for (const std::filesystem::path& path : paths) {
    if (path.stem() != "reservations") ReadFile(path, vectors);
  }
  return vectors;
}

std::vector<ReservationVector> ReservationVectors() {
  std::ifstream file(SLUICE_SOURCE_DIR "/tests/vectors/reservations.json");
  std::vector<ReservationVector> vectors;
  const Json json = Json::parse(file);
  for (const Json& entry : json.at("vectors")) {
    ReservationVector& vector = vectors.emplace_back();
    vector.name = entry.at("name");
    vector.policies = ReadPolicies(entry.at("policies"));
    for (const Json& step : entry.at("steps")) {
      vector.steps.push_back(ReadReservationStep(step, vector.policies.size()));
    }
  }
  return vectors;
}

std::string Differences(const ReservationStep& step, const Result& result) {
  std::string text;
  const auto compare = [&text](const char* what, std::int64_t expected, std::int64_t actual) {
    if (expected == actual) return;
    text += std::string(what) + " " + std::to_string(actual) + ", not " + std::to_string(expected) +
            "; ";
  };
  compare("outcome", static_cast<int>(step.outcome), static_cast<int>(result.hold));
  if (step.allowed) compare("allowed", *step.allowed ? 1 : 0, result.allowed ? 1 : 0);
  if (step.spent) compare("spent", *step.spent, result.spent);
  for (std::size_t i = 0; i < step.remaining.size(); ++i) {
    compare("remaining", step.remaining[i], result.decisions[i].remaining);
  }
  for (std::size_t i = 0; i < step.charged.size(); ++i) {
    compare("charged", step.charged[i], result.charged[i]);
  }
  return text;
}

}  // namespace sluice::testing
