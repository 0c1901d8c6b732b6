// Reads the shared vectors. Refuses what would silently weaken them.
#include "support/vectors.h"

#include <charconv>
#include <filesystem>
#include <fstream>
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

Algorithm ReadAlgorithm(const Json& json) {
  const std::string algorithm = json.value("algorithm", "tokenBucket");
  const Nanos every = ReadTime(json.at("every"));
  if (algorithm == "tokenBucket") return Bucket(json.at("capacity"), json.at("refill"), every);
  if (algorithm == "gcra") {
    const std::int64_t limit = json.at("limit");
    return CellRate(json.value("burst", limit), limit, every);
  }
  if (algorithm == "leakyBucket") {
    const std::string mode = json.value("mode", "police");
    if (mode != "police" && mode != "shape") throw std::runtime_error("no mode: " + mode);
    return Leaky(json.at("capacity"), json.at("leak"), every,
                 mode == "shape" ? LeakyBucket::Mode::kShape : LeakyBucket::Mode::kPolice);
  }
  throw std::runtime_error("no algorithm: " + algorithm);
}

Policy ReadPolicy(const Json& json) {
  Policy policy{json.at("name"), ReadAlgorithm(json)};
  if (RuleOf(policy.algorithm).interval != ReadTime(json.at("interval"))) {
    throw std::runtime_error("the interval is another: " +
                             std::to_string(RuleOf(policy.algorithm).interval.count()));
  }
  return policy;
}

Decision ReadDecision(const Json& json, const Policy& policy) {
  return {.allowed = json.at("allowed"),
          .limit = RuleOf(policy.algorithm).capacity,
          .remaining = json.at("remaining"),
          .retry_after = ReadTime(json.at("retryAfter"), true),
          .reset_after = ReadTime(json.at("resetAfter")),
          .delay = json.contains("delay") ? ReadTime(json["delay"]) : Nanos{0}};
}

VectorStep ReadStep(const Json& json, const Vector& vector) {
  VectorStep step;
  step.now = ReadTime(json.at("now"));
  if (!vector.ns_only && step.now.count() % 1000 != 0) {
    throw std::runtime_error("a part of a microsecond, and not marked nsOnly");
  }
  step.allowed = json.at("allowed");
  const std::size_t count = vector.policies.size();
  const Json costs = count == 1 ? Json::array({json.at("cost")}) : json.at("cost");
  const Json answers = count == 1 ? Json::array({json}) : json.at("policies");
  if (costs.size() != count || answers.size() != count) {
    throw std::runtime_error("not one cost and one answer per policy");
  }
  bool all = true;
  for (std::size_t i = 0; i < count; ++i) {
    step.costs.push_back(costs[i]);
    step.decisions.push_back(ReadDecision(answers[i], vector.policies[i]));
    all = all && step.decisions[i].allowed;
  }
  if (all != step.allowed) throw std::runtime_error("'allowed' is not the answer of all policies");
  return step;
}

Vector ReadVector(const Json& json) {
  Vector vector;
  vector.name = json.at("name");
  if (json.at("why").get<std::string>().empty()) throw std::runtime_error("no reason given");
  vector.ns_only = json.value("nsOnly", false);
  for (const Json& policy : json.at("policies")) vector.policies.push_back(ReadPolicy(policy));
  for (const Json& step : json.at("steps")) vector.steps.push_back(ReadStep(step, vector));
  return vector;
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
  for (const std::filesystem::path& path : paths) ReadFile(path, vectors);
  return vectors;
}

}  // namespace sluice::testing
