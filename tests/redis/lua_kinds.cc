// Requests and stored values of the tests of every kind.
#include "redis/lua_kinds.h"

#include <chrono>
#include <utility>

#include "redis/redis_under_test.h"
#include "redis/script_runner.h"
#include "support/policies.h"

namespace sluice::testing {
namespace {

using redis::Request;
using Kind = Request::Kind;

Policy Named(std::string name, Algorithm algorithm) {
  return {.name = std::move(name), .algorithm = algorithm};
}

}  // namespace

std::vector<Policy> OneOfEachKind() {
  using std::chrono::seconds;
  using Align = FixedWindow::Align;
  return {
      Named("t", Bucket(5, 1, seconds(1))),
      Named("q", Leaky(5, 1, seconds(1), LeakyBucket::Mode::kShape)),
      Named("f", Fixed(5, seconds(10), Align::kFirstRequest)),
      Named("c", Fixed(5, seconds(10), Align::kClock)),
      Named("m", Fixed(5, seconds(1), Align::kMonth)),
      Named("s", Sliding(5, seconds(10))),
      Named("l", Log(5, seconds(10))),
      Named("n", Slots(5, seconds(10))),
  };
}

Request LuaKinds::Ask(Kind kind, std::string_view key, HolderId holder) {
  Request request = RequestOf(set_, key, 1, kind);
  auto options = std::make_shared<Operation::Options>();
  options->holder = holder;
  options->block_for = std::chrono::seconds(7);
  if (kind == Kind::kAbort) options->marks.emplace().fill(kNow);
  request.options = std::move(options);
  return request;
}

std::string LuaKinds::NameOf(std::size_t policy) {
  std::string name;
  redis::AppendStateName(Ask(Kind::kPeek), policy, name);
  return name;
}

std::map<std::string, std::string> LuaKinds::Everything() {
  std::map<std::string, std::string> all;
  for (std::size_t i = 0; i < set_->size(); ++i) {
    for (const char* suffix : {"", ":l", ":z"}) {
      const std::string name = NameOf(i) + suffix;
      all[name] = server_->Text({"DUMP", name});
    }
  }
  return all;
}

std::vector<redis::Completion> LuaKinds::Run(std::span<const Request> requests, std::int64_t now) {
  return DecideOn(*server_, ScriptAt(now), requests);
}

void LuaKinds::Prepare() {
  server_->Run({"FLUSHALL"});
  const auto run = [](const Request& request, std::int64_t now) {
    EXPECT_EQ(RunOne(request, now).fault, redis::Fault::kNone);
  };
  run(Ask(Kind::kCheck, "k64", {.high = 1, .low = 1}), kNow - 12'000'000'000);
  run(Ask(Kind::kCheck, "k64", {.high = 1, .low = 2}), kNow - 2'000'000'000);
  run(Ask(Kind::kCheck), kNow - 1'000'000'000);
}

std::string LuaKinds::Standing(std::int64_t now) {
  Request peek = Ask(Kind::kPeek);
  peek.costs = 0;
  const redis::Completion completion = RunOne(peek, now);
  std::vector<Decision> decisions(set_->size());
  DecideFrom(peek, completion, decisions);
  std::string text;
  for (const Decision& decision : decisions) text += Text(decision) + "\n";
  return text;
}

void LuaKinds::ExpectTimesToLive() {
  const std::string without = server_->Text(
      {"EVAL",
       "local found = '' for _, key in ipairs(redis.call('KEYS', '*')) do "
       "if redis.call('PTTL', key) < 0 then found = found .. ' ' .. key end end return found",
       "0"});
  EXPECT_EQ(without, "");
}

}  // namespace sluice::testing
