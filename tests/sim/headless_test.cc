// A run without a window: the files repeat to the byte, agree with each other, and keep the limit.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "program.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

using Json = nlohmann::json;

struct Row {
  std::int64_t time = 0;
  std::string caller;
  std::int64_t cost = 0;
  bool allowed = false;
  double used_before = 0;
  double used_after = 0;
  std::int64_t remaining = 0;
  std::int64_t retry_after = 0;
  std::int64_t reset_after = 0;
  std::int64_t delay = 0;
  std::int64_t held = 0;
};

std::vector<Row> ReadTimeline(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line,
            "time_ns,caller,cost,allowed,used_before,used_after,remaining,retry_after_ns,"
            "reset_after_ns,delay_ns,held_ns");
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    const auto next = [&fields] {
      std::string field;
      EXPECT_TRUE(std::getline(fields, field, ','));
      return field;
    };
    Row row;
    row.time = std::stoll(next());
    row.caller = next();
    row.cost = std::stoll(next());
    const std::string allowed = next();
    EXPECT_TRUE(allowed == "true" || allowed == "false") << line;
    row.allowed = allowed == "true";
    row.used_before = std::stod(next());
    row.used_after = std::stod(next());
    row.remaining = std::stoll(next());
    row.retry_after = std::stoll(next());
    row.reset_after = std::stoll(next());
    row.delay = std::stoll(next());
    row.held = std::stoll(next());
    rows.push_back(row);
  }
  return rows;
}

std::string Flags(const std::filesystem::path& out, std::uint64_t seed) {
  return "--headless --out '" + out.string() + "' --duration 30 --callers 3 --rate 60 --seed " +
         std::to_string(seed);
}

TEST(Headless, TheSameSeedGivesTheSameBytes) {
  const TempFolder folder;
  const std::uint64_t seed = testing::TestSeed() % 1'000'000;
  for (const char* name : {"a", "deeper/b"}) {
    const Outcome outcome = RunProgram(Flags(folder / name, seed));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  ASSERT_EQ(RunProgram(Flags(folder / "c", seed + 1)).exit_code, 0);
  for (const char* file : {"summary.json", "timeline.csv"}) {
    const std::string bytes = ReadFile(folder / "a" / file);
    EXPECT_GT(bytes.size(), 100U);
    EXPECT_EQ(bytes, ReadFile(folder / "deeper/b" / file)) << file;
    EXPECT_NE(bytes, ReadFile(folder / "c" / file)) << file;
  }
}

struct Case {
  const char* flags;
  Json policy;  // as summary.json names it
};

std::vector<Case> EveryAlgorithm() {
  return {
      {"--algorithm tokenBucket --every 2s",
       {{"algorithm", "tokenBucket"},
        {"capacity", 20},
        {"refill", 10},
        {"everyNs", 2'000'000'000},
        {"nsPerUnit", 200'000'000}}},
      {"--algorithm gcra --limit 5",
       {{"algorithm", "gcra"},
        {"limit", 5},
        {"everyNs", 1'000'000'000},
        {"burst", 5},
        {"nsPerUnit", 200'000'000}}},
      {"--algorithm leakyBucket --mode shape",
       {{"algorithm", "leakyBucket"},
        {"capacity", 20},
        {"leak", 10},
        {"everyNs", 1'000'000'000},
        {"mode", "shape"},
        {"nsPerUnit", 100'000'000}}},
      {"--algorithm fixedWindow --align clock --window 3s",
       {{"algorithm", "fixedWindow"},
        {"limit", 20},
        {"windowNs", 3'000'000'000},
        {"align", "clock"}}},
      {"--algorithm fixedWindow --align clock --window month",
       {{"algorithm", "fixedWindow"}, {"limit", 20}, {"window", "month"}, {"align", "clock"}}},
      {"--algorithm slidingWindow --limit 7",
       {{"algorithm", "slidingWindow"}, {"limit", 7}, {"windowNs", 2'000'000'000}}},
      {"--algorithm slidingLog",
       {{"algorithm", "slidingLog"}, {"limit", 20}, {"windowNs", 2'000'000'000}}},
      {"--algorithm concurrency --hold 250ms --hold-kind fixed --ttl 1m",
       {{"algorithm", "concurrency"},
        {"limit", 10},
        {"ttlNs", 60'000'000'000},
        {"holdNs", 250'000'000},
        {"holdKind", "fixed"}}},
  };
}

TEST(Headless, EveryAlgorithmRepeatsToTheByteAndSaysItsNumbers) {
  const std::uint64_t seed = testing::TestSeed() % 1'000'000;
  for (const auto& [flags, policy] : EveryAlgorithm()) {
    const TempFolder folder;
    for (const char* name : {"a", "b"}) {
      const Outcome outcome = RunProgram(Flags(folder / name, seed) + ' ' + flags);
      ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    }
    const std::string timeline = ReadFile(folder / "a" / "timeline.csv");
    EXPECT_EQ(timeline, ReadFile(folder / "b" / "timeline.csv")) << flags;
    const std::string summary = ReadFile(folder / "a" / "summary.json");
    EXPECT_EQ(summary, ReadFile(folder / "b" / "summary.json")) << flags;
    EXPECT_EQ(Json::parse(summary)["policy"], policy) << flags;

    const std::int64_t limit =
        policy.value("capacity", policy.value("burst", policy.value("limit", 0)));
    for (const Row& row : ReadTimeline(folder / "a" / "timeline.csv")) {
      EXPECT_EQ(row.allowed, row.used_before <= static_cast<double>(limit - 1)) << flags;
      EXPECT_EQ(row.held > 0, row.allowed && policy["algorithm"] == "concurrency");
      EXPECT_TRUE(row.delay == 0 || policy["algorithm"] == "leakyBucket");
    }
  }
}

TEST(Headless, AShapedQueueLeavesAtItsRate) {
  const TempFolder folder;
  ASSERT_EQ(RunProgram(Flags(folder.path(), 5) + " --algorithm leakyBucket --mode shape").exit_code,
            0);
  std::map<std::string, std::int64_t> last;
  for (const Row& row : ReadTimeline(folder / "timeline.csv")) {
    if (!row.allowed) continue;
    const std::int64_t leaves = row.time + row.delay;
    const auto [before, is_first] = last.emplace(row.caller, leaves);
    EXPECT_TRUE(is_first || leaves - before->second >= 100'000'000) << leaves;
    before->second = leaves;
  }
  EXPECT_EQ(last.size(), 3U);
}

TEST(Headless, VolleysAreSentAndNamed) {
  const TempFolder folder;
  ASSERT_EQ(RunProgram("--headless --rate 0 --duration 5 --send 25@1s --send 2@2s..3s --out " +
                       folder.path().string())
                .exit_code,
            0);
  const auto rows = ReadTimeline(folder / "timeline.csv");
  ASSERT_EQ(rows.size(), 27U);
  EXPECT_EQ(rows[24].time, 1'000'000'000);
  EXPECT_FALSE(rows[24].allowed);
  EXPECT_EQ(rows[26].time, 3'000'000'000);
  const Json summary = Json::parse(ReadFile(folder / "summary.json"));
  EXPECT_EQ(summary["traffic"]["volleys"], Json({"25@1s", "2@2s..3s"}));
}

TEST(Headless, NeverAdmitsMoreThanTheLimitInAnyInterval) {
  const TempFolder folder;
  ASSERT_EQ(RunProgram(Flags(folder.path(), testing::TestSeed() % 1'000'000)).exit_code, 0);
  constexpr std::int64_t kCapacity = 20;
  constexpr std::int64_t kInterval = 100'000'000;
  std::map<std::string, std::vector<std::int64_t>> admitted;
  for (const Row& row : ReadTimeline(folder / "timeline.csv")) {
    if (row.allowed) admitted[row.caller].push_back(row.time);
  }
  ASSERT_EQ(admitted.size(), 3U);
  for (const auto& [caller, times] : admitted) {
    for (std::size_t first = 0; first < times.size(); ++first) {
      for (std::size_t last = first; last < times.size(); ++last) {
        const auto units = static_cast<std::int64_t>(last - first + 1);
        ASSERT_LE(units, kCapacity + (times[last] - times[first]) / kInterval) << caller;
      }
    }
  }
}

TEST(Headless, TheRowsFollowFromOneAnother) {
  const TempFolder folder;
  ASSERT_EQ(RunProgram(Flags(folder.path(), testing::TestSeed() % 1'000'000)).exit_code, 0);
  std::map<std::string, Row> last;
  std::int64_t time = 0;
  for (const Row& row : ReadTimeline(folder / "timeline.csv")) {
    EXPECT_GE(row.time, time);
    time = row.time;
    EXPECT_LE(row.time, 30'000'000'000);
    const auto before = last.find(row.caller);
    const double expected =
        before == last.end()
            ? 0
            : std::max(0.0, before->second.used_after -
                                static_cast<double>(row.time - before->second.time) / 1e8);
    EXPECT_NEAR(row.used_before, expected, 2e-6);
    EXPECT_EQ(row.allowed, row.used_before <= 19);
    EXPECT_EQ(row.remaining, (2'000'000'000 - row.reset_after) / 100'000'000);
    EXPECT_NEAR(row.used_after, row.used_before + (row.allowed ? 1 : 0), 2e-6);
    EXPECT_NEAR(static_cast<double>(row.reset_after) / 1e8, row.used_after, 2e-6);
    if (row.allowed) {
      EXPECT_EQ(row.retry_after, 0);
    } else {
      EXPECT_NEAR(static_cast<double>(row.retry_after) / 1e8, row.used_after - 19, 2e-6);
    }
    EXPECT_EQ(row.delay, 0);
    EXPECT_EQ(row.held, 0);
    last[row.caller] = row;
  }
}

TEST(Headless, TheSummaryAddsUpTheTimeline) {
  const TempFolder folder;
  ASSERT_EQ(RunProgram(Flags(folder.path(), 77)).exit_code, 0);
  const auto rows = ReadTimeline(folder / "timeline.csv");
  const Json summary = Json::parse(ReadFile(folder / "summary.json"));
  EXPECT_EQ(summary["seed"], 77);
  EXPECT_EQ(summary["durationSeconds"], 30);
  EXPECT_EQ(summary["policy"]["capacity"], 20);
  EXPECT_EQ(summary["policy"]["refill"], 10);
  EXPECT_EQ(summary["policy"]["nsPerUnit"], 100'000'000);
  EXPECT_EQ(summary["traffic"]["ratePerSecond"], 60);

  std::map<std::string, std::pair<std::int64_t, std::int64_t>> counts;  // requests, admitted
  for (const Row& row : rows) {
    ++counts[row.caller].first;
    counts[row.caller].second += row.allowed;
  }
  std::int64_t admitted = 0;
  ASSERT_EQ(summary["callers"].size(), 3U);
  for (const Json& caller : summary["callers"]) {
    const auto& [requests, let_in] = counts[caller["caller"]];
    EXPECT_EQ(caller["requests"], requests);
    EXPECT_EQ(caller["admitted"], let_in);
    EXPECT_EQ(caller["denied"], requests - let_in);
    admitted += let_in;
  }
  EXPECT_EQ(summary["totals"]["requests"], rows.size());
  EXPECT_EQ(summary["totals"]["admitted"], admitted);
  EXPECT_DOUBLE_EQ(summary["totals"]["admittedPerSecond"].get<double>(),
                   static_cast<double>(admitted) / 30);
  EXPECT_EQ(summary["timelineColumns"].size(), 11U);
}

TEST(Headless, NoTrafficIsAnEmptyTimeline) {
  const TempFolder folder;
  ASSERT_EQ(
      RunProgram("--headless --rate 0 --duration 0 --out " + folder.path().string()).exit_code, 0);
  EXPECT_TRUE(ReadTimeline(folder / "timeline.csv").empty());
  EXPECT_EQ(Json::parse(ReadFile(folder / "summary.json"))["totals"]["requests"], 0);
}

TEST(Headless, AFolderThatCannotBeWrittenIsNamed) {
  const TempFolder folder;
  std::ofstream(folder / "file") << "in the way";
  const std::string out = (folder / "file" / "out").string();
  const Outcome outcome = RunProgram("--headless --duration 1 --out " + out);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("--out: " + out), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("Not a directory"), std::string::npos) << outcome.output;
}

TEST(Headless, AFullDiskIsNoticed) {
  const TempFolder folder;
  for (const char* file : {"timeline.csv", "summary.json"}) {
    std::filesystem::create_symlink("/dev/full", folder / file);
    const Outcome outcome = RunProgram("--headless --duration 1 --out " + folder.path().string());
    EXPECT_EQ(outcome.exit_code, 1) << file;
    EXPECT_NE(outcome.output.find("No space left"), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find(file), std::string::npos) << outcome.output;
    std::filesystem::remove(folder / file);
  }
}

}  // namespace
}  // namespace sluice::sim
