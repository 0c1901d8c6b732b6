// The script on a real server when what it meets is not its own, or a command is refused: under
// every kind of policy and in every operation the fault stays with its own request, what is not
// ours is left as it was, and nothing is half done.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "redis/redis_server.h"
#include "redis/redis_under_test.h"
#include "redis/script_runner.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using redis::Fault;
using redis::PolicySet;
using redis::Request;
using Kind = Request::Kind;

constexpr std::int64_t kNow = 1'795'219'200'123'456'000;

Policy Named(std::string name, Algorithm algorithm) {
  return {.name = std::move(name), .algorithm = std::move(algorithm)};
}

// One policy of each kind that the script knows.
std::vector<Policy> OneOfEachKind() {
  using std::chrono::seconds;
  PolicyFault fault;
  using Align = FixedWindow::Align;
  return {
      Named("t", Bucket(5, 1, seconds(1))),
      Named("q", Leaky(5, 1, seconds(1), LeakyBucket::Mode::kShape)),
      Named("f", *FixedWindow::Make(5, seconds(10), Align::kFirstRequest, fault)),
      Named("c", *FixedWindow::Make(5, seconds(10), Align::kClock, fault)),
      Named("m", *FixedWindow::Make(5, seconds(1), Align::kMonth, fault)),
      Named("s", *SlidingWindow::Make(5, seconds(10), fault)),
      Named("l", *SlidingLog::Make(5, seconds(10), fault)),
      Named("n", *Concurrency::Make(5, seconds(10), fault)),
  };
}

Request Ask(Kind kind, const std::shared_ptr<const PolicySet>& set, std::string_view key,
            std::string holder = "h") {
  Request request;
  request.kind = kind;
  request.set = set;
  request.key = redis::EscapedKey(key);
  request.costs = 1;
  auto details = std::make_shared<redis::Details>();
  details->holder = std::move(holder);
  details->block_for = std::chrono::seconds(7);
  if (kind == Kind::kAbort) {
    details->marks.emplace().fill(kNow);
  }
  request.details = std::move(details);
  return request;
}

std::string NameOf(const Request& request, std::size_t policy) {
  std::string name;
  redis::AppendStateName(request, policy, name);
  return name;
}

class LuaKinds : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->Run({"FLUSHALL"}); }

  // All keys and what they hold, with times to live left out.
  static std::map<std::string, std::string> Everything() {
    std::map<std::string, std::string> all;
    for (const Request& request : {Ask(Kind::kPeek, set_, "k64")}) {
      for (std::size_t i = 0; i < set_->size(); ++i) {
        for (const char* suffix : {"", ":l", ":z"}) {
          const std::string name = NameOf(request, i) + suffix;
          all[name] = server_->Text({"DUMP", name});
        }
      }
    }
    return all;
  }
  static std::vector<redis::Completion> Run(std::span<const Request> requests,
                                            std::int64_t now = kNow) {
    return DecideOn(*server_, ScriptAt(now), requests);
  }
  static redis::Completion RunOne(const Request& request, std::int64_t now = kNow) {
    return Run({&request, 1}, now)[0];
  }
  static void ExpectTimesToLive() {
    const std::string without = server_->Text(
        {"EVAL",
         "local found = '' for _, key in ipairs(redis.call('KEYS', '*')) do "
         "if redis.call('PTTL', key) < 0 then found = found .. ' ' .. key end end return found",
         "0"});
    EXPECT_EQ(without, "");
  }
  // What is left under each policy, and until when.
  static std::string Standing(std::int64_t now = kNow) {
    Request peek = Ask(Kind::kPeek, set_, "k64");
    peek.costs = 0;
    const redis::Completion completion = RunOne(peek, now);
    std::vector<Decision> decisions(set_->size());
    DecideFrom(peek, completion, decisions);
    std::string text;
    for (const Decision& decision : decisions) text += Text(decision) + "\n";
    return text;
  }

  static inline std::unique_ptr<RedisServer> server_;
  static inline const auto set_ = std::make_shared<const PolicySet>(OneOfEachKind(), "t");
};

// A value of another type, or of another program, and how to write it.
using Commands = std::vector<std::vector<std::string>>;

Commands OtherTypes(const std::string& name) {
  return {{"RPUSH", name, "x"},       {"SADD", name, "x"},        {"HSET", name, "a", "b"},
          {"ZADD", name, "1", "X y"}, {"ZADD", name, "1.5", "x"}, {"SET", name, "hello"},
          {"SET", name, ""}};
}

Commands OtherTexts(char kind, const std::string& name) {
  std::vector<std::string> texts = {"hello",
                                    "",
                                    "-1",
                                    "1.5",
                                    " 1",
                                    "1 ",
                                    "nan",
                                    "b",
                                    "1b",
                                    "bb1",
                                    "1b-1",
                                    "b9999999999999999",
                                    "1 2 3 4",
                                    "1  2",
                                    std::string(1 << 16, '1'),
                                    std::string(1 << 16, 'b')};
  const auto add = [&texts](std::initializer_list<const char*> more) {
    texts.insert(texts.end(), more.begin(), more.end());
  };
  switch (kind) {
    case 't':
    case 'q':
      add({"9000000000000000", "00000000000000001", "1 2 3", "1 2x"});
      break;
    case 'f':
      add({"1", "1 0", "9999999999999999 1", "1 9999999999999999", "1 2 3"});
      break;
    case 'c':
    case 'm':
      add({"1", "1 0", "9999999999999999 1", "1795219200123455 1"});
      break;
    case 's':
      add({"1", "1 1", "0 0 0", "1795219200123455 1 1", "9999999999999999 1 1"});
      break;
    case 'l':
      add({"1", "1 1", "5 3 2", "9999999999999999 0 1", "1 0 9999999999999999"});
      break;
    default:
      add({"1", "1 1", "1 1 1"});
  }
  Commands commands;
  for (std::string& text : texts) commands.push_back({"SET", name, std::move(text)});
  return commands;
}

// Those that look at a state before they do anything, and those that write it.
constexpr std::array kAll = {Kind::kCheck,  Kind::kPeek,  Kind::kDebit,
                             Kind::kCredit, Kind::kAbort, Kind::kRelease,
                             Kind::kRenew,  Kind::kBlock, Kind::kUnblock};

// Whether the operation has to do with a policy of this kind.
bool Concerns(Kind operation, char kind) {
  switch (operation) {
    case Kind::kRelease:
    case Kind::kRenew:
      return kind == 'n';
    case Kind::kDebit:
    case Kind::kCredit:
    case Kind::kAbort:
      return kind != 'n';
    default:
      return true;
  }
}

class ForeignUnder : public LuaKinds, public ::testing::WithParamInterface<std::size_t> {
 protected:
  // In the middle of a batch stands one about a key with something foreign.
  void ExpectItFailsAlone(const std::vector<std::string>& command, Kind operation, bool seen) {
    const std::string context = command[0] + " " + command[1] + " '" + command[2].substr(0, 30) +
                                "', operation " + std::to_string(static_cast<int>(operation));
    server_->Run({"FLUSHALL"});
    ASSERT_NE(server_->Run(command).kind, redis::Reply::Kind::kError) << context;
    const auto before = Everything();
    std::vector<Request> batch;
    // As many as there may be only for checks: it takes its time.
    const int first = operation == Kind::kCheck ? 0 : 63;
    const int last = operation == Kind::kCheck ? 127 : 65;
    for (int i = first; i <= last; ++i) {
      const bool middle = i == 64;
      batch.push_back(Ask(middle ? operation : Kind::kCheck, set_, "k" + std::to_string(i)));
    }
    const auto done = Run(batch);
    for (int i = first; i <= last; ++i) {
      EXPECT_EQ(done[static_cast<std::size_t>(i - first)].fault,
                i == 64 && seen ? Fault::kForeign : Fault::kNone)
          << i << context;
    }
    if (seen || operation == Kind::kPeek) {
      EXPECT_EQ(Everything(), before) << context;
    } else {
      EXPECT_EQ(Everything()[command[1]], before.at(command[1])) << context;
    }
  }
};

TEST_P(ForeignUnder, TheStatesNameIsLeftAloneAndFailsThatRequestAlone) {
  const Policy& policy = set_->policies()[GetParam()];
  const char kind = policy.name[0];
  const std::string name = NameOf(Ask(Kind::kPeek, set_, "k64"), GetParam());
  for (const Kind operation : kAll) {
    if (!Concerns(operation, kind)) continue;
    for (const auto& command : OtherTexts(kind, name)) ExpectItFailsAlone(command, operation, true);
    // MGET shows another type as nothing, so only who writes can tell; concurrency keeps no text
    // that a charge would write, and nobody gives back what was not taken.
    const bool writes = (operation == Kind::kCheck && kind != 'n') || operation == Kind::kDebit ||
                        operation == Kind::kBlock;
    for (const auto& command : OtherTypes(name)) {
      if (command[0] == "SET") continue;
      ExpectItFailsAlone(command, operation, writes);
    }
  }
}

TEST_P(ForeignUnder, TheCollectionsNameIsLeftAloneAndFailsThatRequestAlone) {
  const Policy& policy = set_->policies()[GetParam()];
  const std::string suffix(redis::CollectionSuffix(policy.algorithm));
  if (suffix.empty()) return;
  const std::string name = NameOf(Ask(Kind::kPeek, set_, "k64"), GetParam()) + suffix;
  Commands commands = OtherTypes(name);
  if (suffix == ":z") {
    commands.push_back({"ZADD", name, "9e15", "h"});
    commands.push_back({"ZADD", name, "inf", "h"});
    commands.push_back({"ZADD", name, std::to_string(kNow / 1000 + 5), "H"});
    commands.push_back({"ZADD", name, std::to_string(kNow / 1000 + 5) + ".5", "h"});
  } else {
    commands.push_back({"RPUSH", name, "1 -1"});
    commands.push_back({"RPUSH", name, "9999999999999999 1"});
  }
  for (const Kind operation : kAll) {
    if (!Concerns(operation, policy.name[0])) continue;
    for (const auto& command : commands) {
      // A set's old entries do not count, whoever wrote them; release and renew look for one
      // holder.
      const bool old = command[0] == "ZADD" && (command[2] == "1" || command[2] == "1.5");
      if (suffix == ":z" && old) continue;
      ExpectItFailsAlone(command, operation, true);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachKind, ForeignUnder, ::testing::Range(std::size_t{0}, std::size_t{8}));

// Refuses the n-th command that writes.
std::string Refusing(int n, const std::string& script) {
  return "local real, left = redis, " + std::to_string(n) +
         "\nlocal writes = {SET = 1, DEL = 1, RPUSH = 1, LTRIM = 1, PEXPIRE = 1, ZADD = 1, ZREM = "
         "1, "
         "ZREMRANGEBYSCORE = 1}\n"
         "local redis = {call = real.call, pcall = function(name, ...)\n"
         "  if writes[name] then left = left - 1 end\n"
         "  if writes[name] and left == 0 then return {err = 'OOM made up'} end\n"
         "  return real.pcall(name, ...)\n"
         "end}\n" +
         script;
}

// A key with something under every policy, a block included, and old entries to be dropped.
void Prepare(RedisServer& server, const std::shared_ptr<const PolicySet>& set) {
  server.Run({"FLUSHALL"});
  const auto run = [&](const Request& request, std::int64_t now) {
    EXPECT_EQ(DecideOn(server, ScriptAt(now), std::span(&request, 1))[0].fault, Fault::kNone);
  };
  run(Ask(Kind::kCheck, set, "k64", "old"), kNow - 12'000'000'000);
  run(Ask(Kind::kCheck, set, "k64", "a"), kNow - 2'000'000'000);
  run(Ask(Kind::kCheck, set, "k64", "h"), kNow - 1'000'000'000);
}

class RefusedIn : public LuaKinds, public ::testing::WithParamInterface<Kind> {};

TEST_P(RefusedIn, AnyCommandNothingIsHalfDone) {
  const Kind operation = GetParam();
  Request request = Ask(operation, set_, "k64", operation == Kind::kCheck ? "b" : "h");
  if (operation == Kind::kCredit) {
    // Out of the middle of the log, with another entry behind.
    auto details = std::make_shared<redis::Details>(*request.details);
    details->marks.emplace().fill((kNow - 2'000'000'000) / 1000);
    request.details = std::move(details);
  }
  int refused = 0;
  bool done = false;
  for (int n = 1; !done; ++n) {
    ASSERT_LT(n, 100);
    Prepare(*server_, set_);
    if (operation == Kind::kUnblock) RunOne(Ask(Kind::kBlock, set_, "k64"));
    const std::string before = Standing();
    const auto after = DecideOn(*server_, Refusing(n, ScriptAt(kNow)), {&request, 1})[0];
    if (after.fault == Fault::kServer) {
      ++refused;
      EXPECT_EQ(after.detail, "OOM made up") << n;
      // What release and renew did before can be done again.
      if (operation != Kind::kRelease && operation != Kind::kRenew) {
        EXPECT_EQ(Standing(), before) << n;
      }
    } else {
      // Only what tidies up may fail unnoticed; then the server is not asked that often.
      EXPECT_EQ(after.fault, Fault::kNone) << n;
      done = refused > 0 && Standing() != before && n > refused + 2;
    }
    ExpectTimesToLive();
  }
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(EachOperation, RefusedIn,
                         ::testing::Values(Kind::kCheck, Kind::kDebit, Kind::kCredit,
                                           Kind::kRelease, Kind::kRenew, Kind::kBlock,
                                           Kind::kUnblock));

TEST_F(LuaKinds, ACommandThatTheUserMayNotRunFailsTheCheckAndLeavesNothingBehind) {
  for (const char* forbidden : {"rpush", "zadd", "pexpire", "llen", "zcount", "set"}) {
    Prepare(*server_, set_);
    const std::string before = Standing();
    server_->Run({"ACL", "SETUSER", "default", std::string("-") + forbidden});
    const Request request = Ask(Kind::kCheck, set_, "k64", "b");
    const redis::Completion done = RunOne(request);
    server_->Run({"ACL", "SETUSER", "default", "+@all"});
    EXPECT_EQ(done.fault, Fault::kServer) << forbidden;
    EXPECT_EQ(Standing(), before) << forbidden;
    ExpectTimesToLive();
  }
}

TEST_F(LuaKinds, AListWhoseTextWasEvictedCountsForNothing) {
  const std::string name = NameOf(Ask(Kind::kPeek, set_, "k64"), 6);
  Prepare(*server_, set_);
  server_->Run({"DEL", name});
  EXPECT_EQ(RunOne(Ask(Kind::kCheck, set_, "k64", "b")).readings[6].numbers[0], 0);
  EXPECT_EQ(server_->Run({"LLEN", name + ":l"}).integers.at(0), 1);
  // And the other way round.
  server_->Run({"DEL", name + ":l"});
  EXPECT_EQ(RunOne(Ask(Kind::kCheck, set_, "k64", "c")).readings[6].numbers[0], 0);
  ExpectTimesToLive();
}

TEST_F(LuaKinds, WhatNoLongerCountsIsSweptOutOfTheCollections) {
  const Request check = Ask(Kind::kCheck, set_, "k64", "x");
  const auto in = [&](const char* command, std::size_t policy, const char* suffix) {
    return server_->Run({command, NameOf(check, policy) + suffix}).integers.at(0);
  };
  for (int i = 0; i < 3; ++i) {
    RunOne(Ask(Kind::kCheck, set_, "k64", "h" + std::to_string(i)), kNow + i * 6'000'000'000);
  }
  // A window and a time to live of 10 s.
  EXPECT_EQ(in("LLEN", 6, ":l"), 2);
  EXPECT_EQ(in("ZCARD", 7, ":z"), 2);
  RunOne(Ask(Kind::kRelease, set_, "k64", "h2"), kNow + 17'000'000'000);
  EXPECT_EQ(in("ZCARD", 7, ":z"), 0);
}

TEST_F(LuaKinds, WhatStandsBesideABlockLastsAsLong) {
  for (const bool charged_first : {true, false}) {
    server_->Run({"FLUSHALL"});
    std::vector<Request> requests = {Ask(Kind::kCheck, set_, "k64"),
                                     Ask(Kind::kBlock, set_, "k64")};
    auto details = std::make_shared<redis::Details>(*requests[1].details);
    details->block_for = std::chrono::hours(1);
    requests[1].details = std::move(details);
    // A debit goes on beside a block, and finds nothing there yet.
    if (!charged_first) requests = {requests[1], Ask(Kind::kDebit, set_, "k64")};
    DecideOn(*server_, redis::ScriptText(), requests);
    const std::string log = NameOf(requests[0], 6);
    EXPECT_GT(server_->Run({"PTTL", log}).integers.at(0), 3'000'000);
    EXPECT_GT(server_->Run({"PTTL", log + ":l"}).integers.at(0), 3'000'000);
    if (charged_first) {
      const std::string slots = NameOf(requests[0], 7) + ":z";
      EXPECT_GT(server_->Run({"PTTL", slots}).integers.at(0), 3'000'000);
    }
  }
}

TEST(LuaKindsMemory, WithoutMemoryChecksFailOneByOneAndReadsStillWork) {
  RedisServer server({"--maxmemory", "1", "--maxmemory-policy", "noeviction"});
  for (const Policy& policy : OneOfEachKind()) {
    const auto set = std::make_shared<const PolicySet>(std::vector{policy}, "t");
    const std::vector<Request> batch = {Ask(Kind::kCheck, set, "k"), Ask(Kind::kPeek, set, "k"),
                                        Ask(Kind::kBlock, set, "k")};
    const auto done = DecideOn(server, ScriptAt(kNow), batch);
    EXPECT_EQ(done[0].fault, Fault::kServer) << policy.name;
    EXPECT_NE(done[0].detail.find("OOM"), std::string::npos) << done[0].detail;
    EXPECT_EQ(done[1].fault, Fault::kNone) << policy.name;
    EXPECT_EQ(done[2].fault, Fault::kServer) << policy.name;
  }
  EXPECT_EQ(server.Run({"DBSIZE"}).integers.at(0), 0);
}

}  // namespace
}  // namespace sluice::testing
