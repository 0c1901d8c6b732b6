// The script with foreign values, under every kind of policy and in every operation. Only the
// affected request fails, and the foreign value stays.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "redis/lua_kinds.h"
#include "redis/redis_under_test.h"

namespace sluice::testing {
namespace {

using redis::Fault;
using redis::Request;
using Kind = Request::Kind;

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

// Operations that read a state first, and operations that write it.
constexpr std::array kAll = {Kind::kCheck,  Kind::kPeek,  Kind::kDebit,
                             Kind::kCredit, Kind::kAbort, Kind::kRelease,
                             Kind::kRenew,  Kind::kBlock, Kind::kUnblock};

// Whether the operation uses a policy of this kind.
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
  // A request in the middle of a batch has the key with the foreign value.
  void ExpectItFailsAlone(const std::vector<std::string>& command, Kind operation, bool seen) {
    const std::string context = command[0] + " " + command[1] + " '" + command[2].substr(0, 30) +
                                "', operation " + std::to_string(static_cast<int>(operation));
    server_->Run({"FLUSHALL"});
    ASSERT_NE(server_->Run(command).kind, redis::Reply::Kind::kError) << context;
    const auto before = Everything();
    std::vector<Request> batch;
    // The largest batch only for checks, because it is slow.
    const int first = operation == Kind::kCheck ? 0 : 63;
    const int last = operation == Kind::kCheck ? 127 : 65;
    for (int i = first; i <= last; ++i) {
      const bool middle = i == 64;
      batch.push_back(Ask(middle ? operation : Kind::kCheck, "k" + std::to_string(i)));
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

TEST_P(ForeignUnder, TheStatesNameFailsOneRequestAndIsKept) {
  const Policy& policy = set_->policies()[GetParam()];
  const char kind = policy.name[0];
  const std::string name = NameOf(GetParam());
  for (const Kind operation : kAll) {
    if (!Concerns(operation, kind)) continue;
    for (const auto& command : OtherTexts(kind, name)) ExpectItFailsAlone(command, operation, true);
    // MGET returns nothing for another type, so only a write detects it. A charge under concurrency
    // writes no text, and an abort returns only taken units.
    const bool writes = (operation == Kind::kCheck && kind != 'n') || operation == Kind::kDebit ||
                        operation == Kind::kBlock;
    for (const auto& command : OtherTypes(name)) {
      if (command[0] == "SET") continue;
      ExpectItFailsAlone(command, operation, writes);
    }
  }
}

TEST_P(ForeignUnder, TheCollectionsNameFailsOneRequestAndIsKept) {
  const Policy& policy = set_->policies()[GetParam()];
  const std::string suffix(CollectionSuffix(policy.algorithm));
  if (suffix.empty()) return;
  const std::string name = NameOf(GetParam()) + suffix;
  Commands commands = OtherTypes(name);
  if (suffix == ":z") {
    commands.push_back({"ZADD", name, "9e15", HolderText(kHolder)});
    commands.push_back({"ZADD", name, "inf", HolderText(kHolder)});
    commands.push_back({"ZADD", name, std::to_string(kNow / 1000 + 5), "H"});
    commands.push_back({"ZADD", name, std::to_string(kNow / 1000 + 5) + ".5", HolderText(kHolder)});
  } else {
    commands.push_back({"RPUSH", name, "1 -1"});
    commands.push_back({"RPUSH", name, "9999999999999999 1"});
  }
  for (const Kind operation : kAll) {
    if (!Concerns(operation, policy.name[0])) continue;
    for (const auto& command : commands) {
      // A set's old entries do not count. Release and renew look for one holder.
      const bool old = command[0] == "ZADD" && (command[2] == "1" || command[2] == "1.5");
      if (suffix == ":z" && old) continue;
      ExpectItFailsAlone(command, operation, true);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachKind, ForeignUnder, ::testing::Range(std::size_t{0}, std::size_t{8}));

}  // namespace
}  // namespace sluice::testing
