// The script: SCRIPT LOAD, and servers that refuse SCRIPT, EVALSHA or both.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "redis/server_session_driver.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kNoScript = "-NOSCRIPT No matching script. Please use EVAL.\r\n";

std::string Unknown(const std::string& command) {
  return "-ERR unknown command '" + command + "', with args beginning with: 'x' \r\n";
}

std::string NoPermission(const std::string& command) {
  return "-NOPERM User limiter has no permissions to run the '" + command + "' command\r\n";
}

// Connects to a server that answers SCRIPT LOAD with `load`.
void Greet(ServerSessionDriver& driver, std::string_view load) {
  driver.session.OnConnected(driver.now);
  ASSERT_EQ(driver.Sent().size(), 2U);
  driver.Receive("+PONG\r\n");
  driver.Receive(load);
}

std::vector<std::string> Rest(const SentCommand& command) {
  return {command.begin() + 2, command.end()};
}

TEST(ServerSessionScripts, AForgottenScriptIsLoadedAgainAndItsBatchesAreSentAgainInOrder) {
  ReadySession driver;
  const auto a = driver.Check("a");
  const auto b = driver.Check("b");
  const auto c = driver.Check("c");
  EXPECT_EQ(driver.Sent().at(0).at(1), kSha);
  driver.Receive(std::string(kNoScript) + std::string(kNoScript));
  auto sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(1), "LOAD");
  EXPECT_EQ(sent[0].at(2), ScriptText());
  driver.Receive("$40\r\nfedcba9876543210fedcba9876543210fedcba98\r\n");
  sent = driver.Sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].at(1), "fedcba9876543210fedcba9876543210fedcba98");
  EXPECT_EQ(ChecksIn(sent[0]), 3U);
  driver.AnswerFull(3);
  EXPECT_EQ(driver.order(), (std::vector<std::uint64_t>{a, b, c}));
  EXPECT_EQ(driver.Result(c).fault, Fault::kNone);
  EXPECT_EQ(driver.session.stats().script_reloads, 1U);
}

TEST(ServerSessionScripts, ACheckFailsAtItsDeadlineIfTheScriptIsAlwaysForgotten) {
  ReadySession driver;
  const auto ticket = driver.Check("a");
  while (!driver.Answered(ticket)) {
    const auto sent = driver.Sent();
    ASSERT_EQ(sent.size(), 1U);
    driver.Receive(sent[0].at(0) == "EVALSHA" ? "-NOSCRIPT\r\n"
                                              : "$40\r\n" + std::string(kSha) + "\r\n");
    driver.Pass(5 * kMillisecond);
  }
  EXPECT_EQ(driver.Result(ticket).fault, Fault::kTimeout);
}

TEST(ServerSessionScripts, AProbeIsSentAgainIfTheScriptIsForgotten) {
  ReadySession driver;
  driver.Check("a");
  driver.Check("b");
  driver.Sent();
  driver.Pass(100 * kMillisecond);
  ASSERT_EQ(driver.breaker(), BreakerState::kOpen);
  driver.AnswerFull(1);
  const auto probe = driver.Check("c");
  driver.AnswerFull(1);
  driver.Sent();
  driver.Receive("-NOSCRIPT\r\n");
  driver.Receive("$40\r\n" + std::string(kSha) + "\r\n");
  EXPECT_EQ(driver.Sent().size(), 2U);  // SCRIPT LOAD, EVALSHA
  driver.AnswerFull(1);
  EXPECT_EQ(driver.Result(probe).fault, Fault::kNone);
  EXPECT_EQ(driver.session.stats().retries, 1U);
}

TEST(ServerSessionScripts, WithoutScriptLoadOnlyTheFirstBatchCarriesTheText) {
  for (const std::string& refusal :
       {Unknown("SCRIPT"), NoPermission("script|load"),
        std::string("-ERR command is not allowed\r\n"),
        std::string("-NOPERM this user has no permissions to run the 'script' command or its "
                    "subcommand\r\n")}) {
    ServerSessionDriver driver;
    const auto first = driver.Check("a", kSecond);
    Greet(driver, refusal);
    EXPECT_TRUE(driver.session.stats().connected) << refusal;
    const auto by_sha = driver.Sent();
    ASSERT_EQ(by_sha.size(), 1U);
    EXPECT_EQ(by_sha[0].at(0), "EVALSHA");
    EXPECT_EQ(by_sha[0].at(1), ScriptSha());
    driver.Receive(kNoScript);
    const auto by_text = driver.Sent();
    ASSERT_EQ(by_text.size(), 1U);
    EXPECT_EQ(by_text[0].at(0), "EVAL");
    EXPECT_EQ(by_text[0].at(1), ScriptText());
    EXPECT_EQ(Rest(by_text[0]), Rest(by_sha[0]));
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(first).fault, Fault::kNone);
    const auto second = driver.Check("b");
    EXPECT_EQ(driver.Sent().at(0).at(0), "EVALSHA");
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(second).fault, Fault::kNone);
    EXPECT_EQ(driver.session.stats().script_reloads, 1U);
  }
}

TEST(ServerSessionScripts, WithoutEvalshaEachBatchCarriesTheText) {
  for (const std::string& refusal : {Unknown("EVALSHA"), NoPermission("evalsha")}) {
    ReadySession driver;
    const auto first = driver.Check("a");
    driver.Sent();
    driver.Receive(refusal);
    EXPECT_EQ(driver.Sent().at(0).at(0), "EVAL");
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(first).fault, Fault::kNone);
    const auto second = driver.Check("b");
    EXPECT_EQ(driver.Sent().at(0).at(0), "EVAL");
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(second).fault, Fault::kNone);
    // Rights may have changed by the next connection.
    driver.Lose();
    driver.GetReady();
    driver.Check("c");
    EXPECT_EQ(driver.Sent().at(0).at(0), "EVALSHA");
  }
}

TEST(ServerSessionScripts, FullBatchesWithTheTextDoNotPileUpInTheOutputBuffer) {
  for (const bool by_text : {false, true}) {
    ServerSession::Options options;
    options.pipeline.max_batch = 4;
    options.pipeline.max_full_in_flight = 8;
    ReadySession driver(options);
    driver.Check("first");
    driver.Sent();
    if (by_text) {
      driver.Receive(Unknown("EVALSHA"));
      driver.Sent();
    }
    driver.AnswerFull(1);
    for (int i = 0; i < 100; ++i) driver.Check("k" + std::to_string(i), kSecond);
    EXPECT_EQ(driver.Sent().size(),
              by_text ? options.pipeline.max_in_flight : options.pipeline.max_full_in_flight);
  }
}

TEST(ServerSessionScripts, ARefusalOfEvalNamesTheMissingRights) {
  struct Case {
    std::string load;
    std::string evalsha;
    std::string eval;
    std::string detail;
  };
  for (const Case& c :
       {Case{NoPermission("script|load"), std::string(kNoScript), NoPermission("eval"),
             "NOPERM User limiter has no permissions to run the 'script|load' command; and for "
             "EVAL: NOPERM User limiter has no permissions to run the 'eval' command (the user "
             "needs +script|load and +evalsha, or +eval)"},
        Case{"$40\r\n" + std::string(kSha) + "\r\n", NoPermission("evalsha"), NoPermission("eval"),
             "NOPERM User limiter has no permissions to run the 'evalsha' command; and for EVAL: "
             "NOPERM User limiter has no permissions to run the 'eval' command (the user needs "
             "+script|load and +evalsha, or +eval)"},
        Case{Unknown("SCRIPT"), Unknown("EVALSHA"), Unknown("EVAL"),
             "ERR unknown command 'SCRIPT'; and for EVAL: ERR unknown command 'EVAL' (the server "
             "executes no scripts; a sentinel is given by 'sentinels', with 'master')"}}) {
    ServerSessionDriver driver;
    const auto check = driver.Check("a", kSecond);
    const auto release = driver.Submit(Request::Kind::kRelease, "a", 5 * kSecond);
    Greet(driver, c.load);
    driver.Sent();
    driver.Receive(c.evalsha);
    driver.Sent();
    driver.Receive(c.eval);
    EXPECT_EQ(driver.Result(check).detail, c.detail);
    // A release was not executed and has no failure rule: it is sent again on the next connection.
    EXPECT_FALSE(driver.Answered(release));
    EXPECT_EQ(driver.session.WantedConnection(), 0U);
    EXPECT_EQ(driver.Result(driver.Check("b")).detail, c.detail);
    driver.Pass(kSecond);
    EXPECT_NE(driver.session.WantedConnection(), 0U);
  }
}

TEST(ServerSessionScripts, AForgottenScriptIsSentAgainWithoutScriptLoad) {
  ReadySession driver;
  const auto first = driver.Check("a", kSecond);
  const auto second = driver.Check("b", kSecond);
  driver.Sent();
  driver.Receive(std::string(kNoScript) + std::string(kNoScript));
  EXPECT_EQ(driver.Sent().at(0).at(0), "SCRIPT");
  driver.Receive(NoPermission("script|load"));
  // The refused checks go first, in order, by EVALSHA: another client may have loaded the script.
  EXPECT_EQ(driver.Sent().at(0).at(0), "EVALSHA");
  driver.Receive(kNoScript);
  EXPECT_EQ(driver.Sent().at(0).at(0), "EVAL");
  driver.AnswerFull(2);
  EXPECT_EQ(driver.Result(first).fault, Fault::kNone);
  EXPECT_EQ(driver.Result(second).fault, Fault::kNone);
}

TEST(ServerSessionScripts, ErrorsOfKeysAndOfTheScriptAreNotARefusalOfEvalsha) {
  for (const std::string_view error :
       {"-NOPERM No permissions to access a key\r\n",
        "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n",
        "-ERR user_script:1: eval of something on @user_script:1\r\n",
        "-ERR the evaluation failed\r\n", "-OOM command 'evalsha' not allowed\r\n"}) {
    ReadySession driver;
    const auto ticket = driver.Check("a");
    driver.Sent();
    driver.Receive(error);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kServer) << error;
    EXPECT_TRUE(driver.Sent().empty()) << error;
  }
}

TEST(ServerSessionScripts, AServerWithoutAPasswordIsUsedAndCausesAWarning) {
  for (const std::string_view refusal :
       {"-ERR AUTH <password> called without any password configured for the default user. Are "
        "you sure your configuration is correct?\r\n",
        "-ERR Client sent AUTH, but no password is set\r\n"}) {
    ServerSession::Options options;
    options.endpoint.password = "hunter2";
    options.checks_health = true;
    ServerSessionDriver driver(options);
    const auto ticket = driver.Check("a");
    driver.session.OnConnected(driver.now);
    ASSERT_EQ(driver.Sent().at(0).at(0), "AUTH");
    driver.Receive(refusal);
    driver.Receive("$40\r\n" + std::string(kSha) + "\r\n");
    EXPECT_EQ(driver.Sent().at(0).at(0), "EVALSHA");
    driver.AnswerFull(1);
    EXPECT_EQ(driver.Result(ticket).fault, Fault::kNone);
    driver.Sent();
    for (int i = 0; i < 3; ++i) driver.Receive("-NOPERM no\r\n");
    driver.Receive("-NOPERM no\r\n");  // CONFIG GET
    ASSERT_TRUE(driver.session.has_warnings());
    const auto warnings = driver.session.TakeWarnings(Nanos{0});
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0].code, WarningCode::kNoPassword);
    EXPECT_EQ(warnings[0].detail.find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::redis
