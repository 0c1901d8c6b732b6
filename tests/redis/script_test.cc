// Calls of the script, and its replies as completions.
#include "redis/script.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "redis/backlog.h"
#include "redis/request.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

using testing::BucketPolicy;

std::shared_ptr<const PolicySet> Two() {
  static const auto set =
      std::make_shared<const PolicySet>(std::vector{BucketPolicy("burst", 10, 1, Nanos{1000}),
                                                    BucketPolicy("daily", 100, 1, Nanos{7})},
                                        "p");
  return set;
}

std::shared_ptr<const PolicySet> One() {
  static const auto set = std::make_shared<const PolicySet>(
      std::vector{BucketPolicy("default", 10, 1, Nanos{1000})}, "p");
  return set;
}

Request Ask(std::shared_ptr<const PolicySet> set, std::string_view key, std::int64_t first,
            std::int64_t second = 0) {
  Request request;
  request.set = std::move(set);
  request.key = EscapedKey(key);
  request.costs = {first, second};
  return request;
}

std::string Arguments(const ScriptCall& call) {
  std::string text;
  for (std::size_t i = 0; i < call.arguments(); ++i) {
    text.append(i == 0 ? "" : " ").append(call.argument(i));
  }
  return text;
}

TEST(Script, EqualNeighboursShareTheirNumbers) {
  const std::vector<Request> batch = {Ask(Two(), "a", 1, 2), Ask(Two(), "b", 1, 2),
                                      Ask(Two(), "c", 0, 3), Ask(One(), "d", 1)};
  ScriptCall call;
  call.Describe(batch);
  ASSERT_EQ(call.keys(), 7U);
  EXPECT_EQ(call.key(0), "p:{a}:burst:tb1");
  EXPECT_EQ(call.key(1), "p:{a}:daily:tb1");
  EXPECT_EQ(call.key(6), "p:{d}:default:tb1");
  EXPECT_EQ(Arguments(call), "2 2 0 1000 9000 14 686 2 1 0 0 10000 21 679 1 1 0 1000 9000");
}

TEST(Script, APeekAndACheckAboveTheLimitOnlyRead) {
  std::vector<Request> batch = {Ask(One(), "a", 1), Ask(One(), "b", 11), Ask(One(), "c", 1)};
  batch[0].kind = Request::Kind::kPeek;
  ScriptCall call;
  call.Describe(batch);
  EXPECT_EQ(Arguments(call), "1 2 1 1 1 0 1000 9000");
}

TEST(Script, AnIdFollowsTheStatesAndComesWithAPrint) {
  const auto with_id = [](Request request, const std::string& id) {
    request.digests = std::make_shared<IdDigests>(IdDigests{.name = id, .fingerprint = "f0" + id});
    return request;
  };
  std::vector<Request> batch = {Ask(Two(), "a", 1, 2),
                                with_id(Ask(Two(), "a", 1, 2), "1d"),
                                with_id(Ask(Two(), "b", 1, 2), "2d"),
                                with_id(Ask(One(), "a", 3), "3d"),
                                with_id(Ask(One(), "a", 3), "4d"),
                                with_id(Ask(One(), "a", 3), "5d"),
                                with_id(Ask(One(), "a", 11), "6d")};
  batch[3].kind = Request::Kind::kDebit;
  batch[4].kind = Request::Kind::kRelease;
  batch[5].kind = Request::Kind::kRenew;  // cannot be charged twice
  ScriptCall call;
  call.Describe(batch);
  std::string keys;
  for (std::size_t i = 0; i < call.keys(); ++i) keys.append(call.key(i)).append(" ");
  EXPECT_EQ(keys,
            "p:{a}:burst:tb1 p:{a}:daily:tb1 "
            "p:{a}:burst:tb1 p:{a}:daily:tb1 p:{a}:id1:1d "
            "p:{b}:burst:tb1 p:{b}:daily:tb1 p:{b}:id1:2d "
            "p:{a}:default:tb1 p:{a}:id1:3d p:{a}:default:tb1 p:{a}:id1:4d "
            "p:{a}:default:tb1 p:{a}:default:tb1 ");
  EXPECT_EQ(Arguments(call),
            "2 1 0 1000 9000 14 686 "
            "2 2 check+ t 0 0 1000 9000 10000 t 0 0 14 686 700 f01d f02d "
            "1 1 debit+ t 0 0 3000 7000 10000 f03d "
            "1 1 release+ t 0 0 0 7000 10000 f04d 1 1 renew t 0 0 0 7000 10000 1 1 1");
}

TEST(Script, AReplayHasTheCurrentAndTheFirstReadings) {
  Request request = Ask(Two(), "a", 1, 2);
  request.digests = std::make_shared<IdDigests>(IdDigests{.name = "1d", .fingerprint = "ab"});
  const auto read = [](const Request& asked, std::vector<std::int64_t> numbers) {
    Completion completion;
    const Reply reply{.kind = Reply::Kind::kArray, .text = "", .integers = std::move(numbers)};
    return ReadReply(reply, {&asked, 1}, {&completion, 1}) ? std::optional(completion)
                                                           : std::nullopt;
  };
  const auto again = read(request, {9, -4, 5, 0, 3, 10, 20, 30, -3, 7, 40});
  ASSERT_TRUE(again);
  ASSERT_NE(again->replay, nullptr);
  EXPECT_EQ(again->replay->at, Micros{5});
  EXPECT_EQ(again->replay->charged, 3U);
  EXPECT_EQ(again->replay->readings[1].numbers[0], 20);
  EXPECT_EQ(BacklogOf(*again, 0), Nanos{30});
  EXPECT_EQ(again->readings[1].blocked, Micros{7});
  const auto reused = read(request, {9, -5});
  ASSERT_TRUE(reused);
  EXPECT_TRUE(reused->id_reused);
  // Invalid for requests without an id, and if cut.
  EXPECT_FALSE(read(Ask(Two(), "a", 1, 2), {9, -5}));
  EXPECT_FALSE(read(Ask(Two(), "a", 1, 2), {9, -4, 5, 0, 3, 10, 20, 30, 40}));
  EXPECT_FALSE(read(request, {9, -4, 5, 0, 4, 10, 20, 30, 40}));
  EXPECT_FALSE(read(request, {9, -4, 5, 0, 3, 10, 20}));
}

TEST(Script, TheLargestNumbersStayBelowTwoTo53) {
  const auto set = std::make_shared<const PolicySet>(
      std::vector{BucketPolicy("x", std::int64_t{1} << 42, 1, Nanos{1964}),
                  BucketPolicy("y", 1, 1, kLongestSpan)},
      "p");
  const std::vector<Request> batch = {Ask(set, "a", (std::int64_t{1} << 31) - 1, 1)};
  ScriptCall call;
  call.Describe(batch);
  EXPECT_EQ(Arguments(call), "2 1 0 4217657882708 8633545689925548 8640000000000000 0");
}

// One policy of each kind but the plain TAT, with options.
std::shared_ptr<const PolicySet> AllKinds() {
  using std::chrono::seconds;
  using Align = FixedWindow::Align;
  static const auto set = std::make_shared<const PolicySet>(
      std::vector<Policy>{
          {.name = "q",
           .algorithm = testing::Leaky(10, 1, Nanos{1000}, LeakyBucket::Mode::kShape),
           .enforce = false},
          {.name = "f", .algorithm = testing::Fixed(5, seconds(1), Align::kFirstRequest)},
          {.name = "c",
           .algorithm = testing::Fixed(5, seconds(2), Align::kClock),
           .block_for = Nanos{1500}},
          {.name = "m",
           .algorithm = testing::Fixed(5, seconds(2), Align::kMonth),
           .charge_denied = true},
          {.name = "s", .algorithm = testing::Sliding(5, seconds(3))},
          {.name = "l", .algorithm = testing::Log(5, seconds(4))},
          {.name = "n", .algorithm = testing::Slots(5, seconds(5))}},
      "p");
  return set;
}

// All but the last digit of a holder.
const std::string kZeros(31, '0');

Request AskAll(Request::Kind kind, std::uint64_t holder) {
  Request request;
  request.kind = kind;
  request.set = AllKinds();
  request.key = EscapedKey("k");
  request.costs = 2;
  request.options = std::make_shared<Operation::Options>(Operation::Options{
      .holder = {.high = 0, .low = holder}, .block_for = std::chrono::seconds(9), .which = 0b101});
  return request;
}

TEST(Script, OtherKindsSendAllTheirNumbersAndHoldersPerCheck) {
  const std::vector<Request> batch = {AskAll(Request::Kind::kCheck, 0xa),
                                      AskAll(Request::Kind::kCheck, 0xb)};
  ScriptCall call;
  call.Describe(batch);
  ASSERT_EQ(call.keys(), 18U);
  EXPECT_EQ(call.key(5), "p:{k}:l:sl1.4000");
  EXPECT_EQ(call.key(6), "p:{k}:l:sl1.4000:l");
  EXPECT_EQ(call.key(8), "p:{k}:n:co1:z");
  EXPECT_EQ(
      Arguments(call),
      "7 2 check q 1 0 2000 8000 10000 f 0 0 2 5 1000000 c 0 2 2 5 2000000 m 2 0 2 5 2678400000000 "
      "s 0 0 2 5 3000000 l 0 0 2 5 4000000 n 0 0 2 5 5000000 " +
          kZeros + "a " + kZeros + "b");
}

TEST(Script, OperationsSkipPoliciesThatTheyDoNotUse) {
  const auto told = [](Request::Kind kind) {
    const Request request = AskAll(kind, 0xf);
    ScriptCall call;
    call.Describe({&request, 1});
    return Arguments(call);
  };
  const std::string slots =
      " q 1 0 0 8000 10000 f 0 0 0 5 1000000 c 0 2 0 5 2000000 m 2 0 0 5 2678400000000 s 0 0 0 5 "
      "3000000 "
      "l 0 0 0 5 4000000 n 0 0 1 5 5000000 " +
      kZeros + "f";
  EXPECT_EQ(told(Request::Kind::kRelease), "7 1 release" + slots);
  EXPECT_EQ(told(Request::Kind::kRenew), "7 1 renew" + slots);
  EXPECT_EQ(told(Request::Kind::kBlock),
            "7 1 block q 1 9000000 1 8000 10000 f 0 9000000 0 5 1000000 c 0 9000000 1 5 2000000 "
            "m 2 9000000 0 5 2678400000000 s 0 9000000 0 5 3000000 l 0 9000000 0 5 4000000 "
            "n 0 9000000 0 5 5000000");
  EXPECT_EQ(
      told(Request::Kind::kDebit),
      "7 1 debit q 1 0 2000 8000 10000 f 0 0 2 5 1000000 c 0 2 2 5 2000000 m 2 0 2 5 2678400000000 "
      "s 0 0 2 5 3000000 l 0 0 2 5 4000000 n 0 0 0 5 5000000");
}

TEST(Script, CreditsSendAMarkBehindTheCost) {
  Request request = AskAll(Request::Kind::kCredit, 0xf);
  auto options = std::make_shared<Operation::Options>(*request.options);
  options->marks = {9'000'000'000'000'007, 11, 12, 13, 14, -5, 16};
  request.options = options;
  ScriptCall call;
  call.Describe({&request, 1});
  EXPECT_EQ(Arguments(call),
            "7 1 credit q 1 0 2000 7 8000 10000 f 0 0 2 11 5 1000000 c 0 2 2 12 5 2000000 "
            "m 2 0 2 13 5 2678400000000 s 0 0 2 14 5 3000000 l 0 0 2 0 5 4000000 "
            "n 0 0 0 16 5 5000000");
  options = std::make_shared<Operation::Options>(*options);
  options->marks.reset();
  request.options = options;
  call.Describe({&request, 1});
  EXPECT_TRUE(
      Arguments(call).starts_with("7 1 credit q 1 0 2000 -1 8000 10000 f 0 0 2 -1 5 1000000"));
}

TEST(Script, ACheckAboveTheCapacityOnlyReadsAndChargesNoDenial) {
  Request request = AskAll(Request::Kind::kCheck, 0xf);
  request.costs = {2, 2, 2, 1, 2, 6, 2};
  ScriptCall call;
  call.Describe({&request, 1});
  EXPECT_EQ(
      Arguments(call),
      "7 1 peek q 1 0 2000 8000 10000 f 0 0 2 5 1000000 c 0 2 2 5 2000000 m 0 0 1 5 2678400000000 "
      "s 0 0 2 5 3000000 l 0 0 0 5 4000000 n 0 0 2 5 5000000");
}

TEST(Script, LimitsAndWaitsReduceTheRoom) {
  const auto set =
      std::make_shared<const PolicySet>(std::vector{BucketPolicy("a", 10, 1, Nanos{1000})}, "p");
  Request request = Ask(set, "k", 2);
  auto options = std::make_shared<Operation::Options>();
  options->limits[0] = 4;
  options->max_wait = Nanos{300};
  request.options = options;
  ScriptCall call;
  call.Describe({&request, 1});
  EXPECT_EQ(Arguments(call), "1 1 0 2000 2300");
}

TEST(Script, EvalshaIsValidResp) {
  const std::vector<Request> batch = {Ask(One(), "k", 2)};
  ScriptCall call;
  call.Describe(batch);
  std::string out;
  AppendEvalSha("5ha", call, out);
  EXPECT_EQ(out,
            "*9\r\n$7\r\nEVALSHA\r\n$3\r\n5ha\r\n$1\r\n1\r\n$17\r\np:{k}:default:tb1\r\n"
            "$1\r\n1\r\n$1\r\n1\r\n$1\r\n0\r\n$4\r\n2000\r\n$4\r\n8000\r\n");
}

TEST(Script, AResetUnlinksTheStatesOfAllPolicies) {
  const std::vector<Request> resets = {Ask(Two(), "k", 0)};
  std::string out;
  AppendReset(resets, out);
  EXPECT_EQ(out,
            "*5\r\n$6\r\nUNLINK\r\n$15\r\np:{k}:burst:tb1\r\n$17\r\np:{k}:burst:tb1:r\r\n"
            "$15\r\np:{k}:daily:tb1\r\n$17\r\np:{k}:daily:tb1:r\r\n");
}

Reply Integers(std::vector<std::int64_t> integers, std::string text = "") {
  integers.insert(integers.begin(), 1'795'219'200'000'000);  // the time
  return {Reply::Kind::kArray, std::move(text), std::move(integers)};
}

TEST(Script, BacklogsAndErrorsBelongToTheirOwnChecks) {
  const std::vector<Request> batch = {Ask(Two(), "a", 1, 1), Ask(Two(), "b", 1, 1),
                                      Ask(Two(), "c", 1, 1), Ask(Two(), "d", 1, 1),
                                      Ask(Two(), "e", 0, 0)};
  std::vector<Completion> done(5);
  ASSERT_TRUE(ReadReply(Integers({9000, 693, -1, -2, 9001, 0, 5, 6}, "OOM no room"), batch, done));
  EXPECT_EQ(done[0].fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(done[0], 0), Nanos{9000});
  EXPECT_EQ(BacklogOf(done[0], 1), Nanos{693});
  EXPECT_EQ(done[1].fault, Fault::kForeign);
  EXPECT_EQ(done[2].fault, Fault::kServer);
  EXPECT_EQ(done[2].detail, "OOM no room");
  EXPECT_EQ(done[3].fault, Fault::kNone);
  EXPECT_EQ(BacklogOf(done[3], 0), Nanos{9001});
  EXPECT_EQ(BacklogOf(done[4], 1), Nanos{6});
}

TEST(Script, ReadingsAndBlocksOfAllKindsAreRead) {
  const std::vector<Request> batch = {AskAll(Request::Kind::kPeek, 0xf),
                                      AskAll(Request::Kind::kRelease, 0xf),
                                      AskAll(Request::Kind::kDebit, 0xf)};
  std::vector<Completion> done(3);
  ASSERT_TRUE(
      ReadReply(Integers({1, 2, 3, -3, 77, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 0}),
                batch, done));
  const auto& readings = done[0].readings;
  EXPECT_EQ(readings[0].numbers, (std::array<std::int64_t, 3>{1}));
  EXPECT_EQ(readings[1].numbers, (std::array<std::int64_t, 3>{2, 3}));
  EXPECT_EQ(readings[1].blocked, Nanos{0});
  EXPECT_EQ(readings[2].numbers, (std::array<std::int64_t, 3>{4, 5}));
  EXPECT_EQ(readings[2].blocked, Nanos{77'000});
  EXPECT_EQ(readings[6].numbers, (std::array<std::int64_t, 3>{14, 15, 16}));
  EXPECT_EQ(done[0].at, Micros{1'795'219'200'000'000});
  EXPECT_TRUE(done[1].done);
  EXPECT_EQ(done[2].fault, Fault::kNone);
}

TEST(Script, AReplyThatTheScriptCannotGiveIsRefused) {
  const std::vector<Request> batch = {Ask(Two(), "a", 1, 1)};
  std::vector<Completion> done(1);
  const auto refused = [&](const Reply& reply) { return !ReadReply(reply, batch, done); };
  EXPECT_TRUE(refused(Integers({1})));
  EXPECT_TRUE(refused(Integers({1, 2, 3})));
  EXPECT_TRUE(refused(Integers({})));
  EXPECT_TRUE(refused(Integers({1, -1})));
  EXPECT_TRUE(refused(Integers({-1, 1})));
  EXPECT_TRUE(refused(Integers({-4, 1})));
  EXPECT_TRUE(refused(Integers({-3, 1})));  // a block without its policy
  EXPECT_TRUE(refused(Integers({-3, -3, 1, 1})));
  EXPECT_TRUE(refused(Integers({-2})));           // an error without its text
  EXPECT_TRUE(refused(Integers({1, 2}, "OOM")));  // a text without its error
  EXPECT_TRUE(refused(Integers({1, 8'900'000'000'000'001})));
  EXPECT_TRUE(refused({Reply::Kind::kOther, "", {1, 2}}));
  EXPECT_TRUE(refused({Reply::Kind::kText, "12", {}}));
  for (const Reply& element : {Reply{Reply::Kind::kNil, "", {}}, Reply{Reply::Kind::kText, "a", {}},
                               Reply{Reply::Kind::kArray, "", {}}}) {
    Reply more = Integers({1, 2});
    more.items = {element};
    EXPECT_TRUE(refused(more));
  }
  EXPECT_FALSE(refused(Integers({1, 8'900'000'000'000'000})));
}

}  // namespace
}  // namespace sluice::redis
