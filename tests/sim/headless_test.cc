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
  double level_before = 0;
  double level_after = 0;
  std::int64_t remaining = 0;
  std::int64_t retry_after = 0;
  std::int64_t reset_after = 0;
};

std::vector<Row> ReadTimeline(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line,
            "time_ns,caller,cost,allowed,level_before,level_after,remaining,retry_after_ns,"
            "reset_after_ns");
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
    row.level_before = std::stod(next());
    row.level_after = std::stod(next());
    row.remaining = std::stoll(next());
    row.retry_after = std::stoll(next());
    row.reset_after = std::stoll(next());
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
            ? 20.0
            : std::min(20.0, before->second.level_after +
                                 static_cast<double>(row.time - before->second.time) / 1e8);
    EXPECT_NEAR(row.level_before, expected, 2e-6);
    EXPECT_EQ(row.allowed, row.level_before >= 1);
    EXPECT_EQ(row.remaining, (2'000'000'000 - row.reset_after) / 100'000'000);
    EXPECT_NEAR(row.level_after, row.level_before - (row.allowed ? 1 : 0), 2e-6);
    EXPECT_NEAR(static_cast<double>(row.reset_after) / 1e8, 20 - row.level_after, 2e-6);
    if (row.allowed) {
      EXPECT_EQ(row.retry_after, 0);
    } else {
      EXPECT_NEAR(static_cast<double>(row.retry_after) / 1e8, 1 - row.level_after, 2e-6);
    }
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
  EXPECT_EQ(summary["policy"]["nsPerToken"], 100'000'000);
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
  EXPECT_EQ(summary["timelineColumns"].size(), 9U);
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
