// Wrong flags end with 2 and a message that names the flag and the value.
#include <gtest/gtest.h>

#include <string>

#include "program.h"

namespace sluice::sim {
namespace {

struct BadFlags {
  const char* flags;
  const char* names;  // must be in the message
  const char* value;  // must be in it too
};

void PrintTo(const BadFlags& bad, std::ostream* out) { *out << bad.flags; }

class BadFlagsTest : public ::testing::TestWithParam<BadFlags> {};

TEST_P(BadFlagsTest, AreNamed) {
  const Outcome outcome = RunProgram(GetParam().flags);
  EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
  EXPECT_NE(outcome.output.find(GetParam().names), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find(GetParam().value), std::string::npos) << outcome.output;
}

INSTANTIATE_TEST_SUITE_P(
    Flags, BadFlagsTest,
    ::testing::Values(
        BadFlags{"--sede 4", "--sede", ""}, BadFlags{"scenario.json", "scenario.json", ""},
        BadFlags{"--seed", "--seed", ""}, BadFlags{"--seed x", "--seed", "x"},
        BadFlags{"--seed -1", "--seed", "-1"}, BadFlags{"--seed 1.5", "--seed", "1.5"},
        BadFlags{"--seed 9007199254740992", "--seed", "9007199254740992"},
        BadFlags{"--rate nan", "--rate", "nan"}, BadFlags{"--rate -3", "--rate", "-3"},
        BadFlags{"--rate 1e9", "--rate", "1e9"}, BadFlags{"--rate 0.0001", "--rate", "0.0001"},
        BadFlags{"--callers 0", "--callers", "0"}, BadFlags{"--callers 101", "--callers", "101"},
        BadFlags{"--capacity 0", "--capacity", "0"},
        BadFlags{"--capacity 2.5", "--capacity", "2.5"},
        BadFlags{"--capacity 99999999999999999999", "--capacity", "99999999999999999999"},
        BadFlags{"--refill -1", "--refill", "-1"}, BadFlags{"--every 0s", "--every", "0"},
        BadFlags{"--every soon", "--every", "soon"},
        BadFlags{"--refill 900000000", "--refill", "900000000"},
        BadFlags{"--capacity 101 --refill 1 --every 1d", "--capacity", "100 days"},
        BadFlags{"--algorithm leakybucket", "--algorithm", "leakybucket"},
        BadFlags{"--algorithm fixedWindow --capacity 5", "--capacity '5'",
                 "is not for fixedWindow, which takes --limit, --window, --align"},
        BadFlags{"--limit 5", "--limit", "tokenBucket, which takes --capacity, --refill, --every"},
        BadFlags{"--hold 1s", "--hold", "is not for tokenBucket"},
        BadFlags{"--algorithm gcra --burst 0", "--burst", "0"},
        BadFlags{"--algorithm gcra --limit 0", "--limit", "0"},
        BadFlags{"--algorithm leakyBucket --mode form", "--mode", "form"},
        BadFlags{"--algorithm leakyBucket --leak none", "--leak", "none"},
        BadFlags{"--algorithm fixedWindow --align wall", "--align", "wall"},
        BadFlags{"--algorithm fixedWindow --window month", "--window", "clock"},
        BadFlags{"--algorithm slidingWindow --window month", "--window", "month"},
        BadFlags{"--algorithm slidingWindow --window 101d", "--window", "100 days"},
        BadFlags{"--algorithm slidingLog --limit 100001", "--limit", "100001"},
        BadFlags{"--algorithm concurrency --ttl 0s", "--ttl", "0"},
        BadFlags{"--algorithm concurrency --hold 0s", "--hold", "0"},
        BadFlags{"--algorithm concurrency --hold-kind even", "--hold-kind", "even"},
        BadFlags{"--send 20", "--send", "20@3.9s"}, BadFlags{"--send 0@1s", "--send", "0@1s"},
        BadFlags{"--send 60000@1s --send 60000@2s", "--send", "120000"},
        BadFlags{"--size 1280", "--size", "1280"}, BadFlags{"--size 10x10", "--size", "10x10"},
        BadFlags{"--size 1280x800x2", "--size", "1280x800x2"},
        BadFlags{"--theme pink", "--theme", "pink"}, BadFlags{"--scale 0", "--scale", "0"},
        BadFlags{"--scale nan", "--scale", "nan"}, BadFlags{"--headless", "--headless", "--out"},
        BadFlags{"--out x", "--out", "--headless"},
        BadFlags{"--duration 5", "--duration", "--headless"},
        BadFlags{"--headless --out x --duration -1", "--duration", "-1"},
        BadFlags{"--screenshot x.png", "--screenshot", "--at"},
        BadFlags{"--at 5", "--at", "--screenshot"},
        BadFlags{"--headless --out x --screenshot x.png --at 1", "--headless", "--screenshot"}));

TEST(Flags, HelpNamesThemAll) {
  const Outcome outcome = RunProgram("--help");
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* flag :
       {"--algorithm", "--leak",      "--limit",     "--burst",       "--window",   "--align",
        "--mode",      "--ttl",       "--hold",      "--hold-kind",   "--send",     "tokenBucket",
        "gcra",        "leakyBucket", "fixedWindow", "slidingWindow", "slidingLog", "concurrency",
        "--seed",      "--rate",      "--callers",   "--capacity",    "--refill",   "--every",
        "--headless",  "--out",       "--duration",  "--screenshot",  "--at",       "--size",
        "--theme",     "--scale",     "--version"}) {
    EXPECT_NE(outcome.output.find(flag), std::string::npos) << flag;
  }
}

TEST(Flags, VersionIsThatOfThePackage) {
  const Outcome outcome = RunProgram("--version");
  EXPECT_EQ(outcome.exit_code, 0);
  const std::string package = ReadFile(SLUICE_SOURCE_DIR "/package.json");
  const std::string version =
      outcome.output.substr(sizeof("sluice-sim ") - 1, outcome.output.find('\n') - 11);
  EXPECT_NE(package.find("\"version\": \"" + version + "\""), std::string::npos) << outcome.output;
}

TEST(Flags, WithoutADisplayTheWayOutIsNamed) {
  for (const char* flags : {"", "--screenshot /nowhere/x.png --at 1"}) {
    const Outcome outcome = RunProgram(flags);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_NE(outcome.output.find("--headless"), std::string::npos) << outcome.output;
  }
}

}  // namespace
}  // namespace sluice::sim
