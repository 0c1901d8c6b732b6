// The files of a run without a window.
#include "model/report.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "model/algorithm_info.h"
#include "model/duration.h"
#include "model/simulation.h"

namespace sluice::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<const char*, const char*>, 11> kColumns{{
    {"time_ns", "virtual time of the request, in nanoseconds"},
    {"caller", "the key that was limited"},
    {"cost", "units asked for"},
    {"allowed", "true or false"},
    {"used_before", "units of the limit in use just before the request"},
    {"used_after", "units of the limit in use just after the request"},
    {"remaining", "the largest cost that would then have been admitted"},
    {"retry_after_ns", "0 when allowed, else the least wait in nanoseconds, or never"},
    {"reset_after_ns", "nanoseconds until the caller equals one never seen if nothing else comes"},
    {"delay_ns", "nanoseconds for which a shaping leaky bucket holds it back, else 0"},
    {"held_ns", "nanoseconds for which it keeps its slot of a concurrency limit, else 0"},
}};

void AppendFixed(std::string& row, double number) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                 std::chars_format::fixed, 6);
  row.append(buffer.data(), end.ptr);
}

std::string Row(const Request& request) {
  const Decision& decision = request.decision;
  const auto used = [&policy = *request.policy](const Reading& reading) {
    return policy.info().used(policy.algorithm, reading);
  };
  std::string row = std::to_string(request.at.count()) + ',' + CallerName(request.caller) + ',' +
                    std::to_string(request.cost) + (decision.allowed ? ",true," : ",false,");
  AppendFixed(row, used(request.before));
  row += ',';
  AppendFixed(row, used(request.after));
  row += ',' + std::to_string(decision.remaining) + ',';
  row += decision.retry_after == kNever ? "never" : std::to_string(decision.retry_after.count());
  for (const Nanos span : {decision.reset_after, decision.delay, request.held}) {
    row += ',' + std::to_string(span.count());
  }
  return row + '\n';
}

// The name of a field in JSON: "holdKind" for "hold-kind".
std::string JsonName(std::string_view field) {
  std::string name;
  for (const char c : field) {
    const bool starts_word = name.ends_with('-');
    if (starts_word) name.pop_back();
    name += starts_word ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
  }
  return name;
}

// Writes a field, with spans in nanoseconds: "everyNs".
void AddField(Json& json, const PolicyNumbers& numbers, const Field& field) {
  const std::string name = JsonName(field.name);
  const std::int64_t number = numbers[field.name];
  if (field.kind == Field::Kind::kSpan && number != kWord) {
    json[name + "Ns"] = number;
  } else if (field.kind == Field::Kind::kUnits) {
    json[name] = number;
  } else {
    json[name] = TextOf(numbers, field);
  }
}

Json PolicyJson(const ChosenPolicy& policy) {
  Json json = {{"algorithm", policy.info().name}};
  for (const Field& field : policy.info().fields) AddField(json, policy.numbers, field);
  if (IsTat(policy.algorithm)) json["nsPerUnit"] = RuleOf(policy.algorithm).interval.count();
  return json;
}

Json TrafficJson(const Scenario& scenario) {
  Json json = {
      {"kind", "poisson"}, {"ratePerSecond", scenario.rate}, {"callers", scenario.callers}};
  for (const Volley& volley : scenario.volleys) json["volleys"].push_back(WriteVolley(volley));
  return json;
}

Json TotalsJson(const Totals& totals, Nanos duration) {
  const auto rate = [&](std::int64_t units) {
    return duration > Nanos{0} ? static_cast<double>(units) / ToSeconds(duration) : 0.0;
  };
  return {{"requests", totals.requests},
          {"admitted", totals.admitted},
          {"denied", totals.denied()},
          {"unitsOffered", totals.units_offered},
          {"unitsAdmitted", totals.units_admitted},
          {"offeredPerSecond", rate(totals.units_offered)},
          {"admittedPerSecond", rate(totals.units_admitted)}};
}

Json Summary(const Simulation& simulation, Nanos duration) {
  const Scenario& scenario = simulation.scenario();
  Json summary;
  summary["seed"] = scenario.seed;
  summary["durationSeconds"] = ToSeconds(duration);
  summary["policy"] = PolicyJson(scenario.policy);
  summary["traffic"] = TrafficJson(scenario);
  summary["totals"] = TotalsJson(simulation.history().totals(), duration);
  Json callers = Json::array();
  for (std::uint32_t caller = 0; caller < scenario.callers; ++caller) {
    Json entry = {{"caller", CallerName(caller)}};
    entry.update(TotalsJson(simulation.history().per_caller()[caller], duration));
    entry["remaining"] = simulation.Look(caller).remaining;
    callers.push_back(std::move(entry));
  }
  summary["callers"] = std::move(callers);
  for (const auto& [name, meaning] : kColumns) summary["timelineColumns"][name] = meaning;
  return summary;
}

// A file that remembers its first failure.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {
    errno = 0;
    stream_.open(path_, std::ios::binary | std::ios::trunc);
    Note();
  }
  void Write(const std::string& text) {
    errno = 0;
    stream_ << text;
    Note();
  }
  /// False if any step failed, with the reason in `error`.
  bool Close(std::string& error) {
    errno = 0;
    stream_.close();
    Note();
    if (!failed_) return true;
    error = path_.string() + ": " + std::generic_category().message(reason_ != 0 ? reason_ : EIO);
    return false;
  }

 private:
  void Note() {
    if (failed_ || stream_) return;
    failed_ = true;
    reason_ = errno;
  }

  std::filesystem::path path_;
  std::ofstream stream_;
  bool failed_ = false;
  int reason_ = 0;
};

}  // namespace

bool WriteReport(const Scenario& scenario, Nanos duration, const std::filesystem::path& directory,
                 std::string& error) {
  std::error_code fault;
  std::filesystem::create_directories(directory, fault);
  if (fault) {
    error = directory.string() + ": " + fault.message();
    return false;
  }

  OutputFile timeline(directory / "timeline.csv");
  std::string header;
  for (const auto& [name, meaning] : kColumns)
    header += (header.empty() ? "" : ",") + std::string(name);
  timeline.Write(header + '\n');

  // Row by row: a long run's history would not fit the memory, and the model keeps only its end.
  Simulation simulation(scenario);
  for (auto next = simulation.NextArrival(); next && *next <= duration;
       next = simulation.NextArrival()) {
    simulation.StepEvent();
    timeline.Write(Row(simulation.history().requests().back()));
  }
  simulation.AdvanceTo(duration);
  if (!timeline.Close(error)) return false;

  OutputFile summary(directory / "summary.json");
  summary.Write(Summary(simulation, duration).dump(2) + '\n');
  return summary.Close(error);
}

}  // namespace sluice::sim
