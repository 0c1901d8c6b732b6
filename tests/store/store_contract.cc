// The tests of the store contract.
#include "store/store_contract.h"

#include <chrono>

#include "support/policies.h"
#include "support/scale.h"
#include "support/trace_bounds.h"
#include "support/trace_run.h"
#include "support/vectors.h"

namespace sluice::testing {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kStart = seconds(1'795'219'200);

}  // namespace

StoreContract::StoreContract()
    : store_(GetParam()()), policies_{BucketPolicy("default", 5, 5, seconds(1))}, now_(kStart) {}

Subject& StoreContract::Key(std::string_view key) {
  auto found = keys_.find(key);
  if (found == keys_.end()) found = keys_.emplace(key, store_->Key(key)).first;
  found->second->Use(policies_);
  return *found->second;
}

std::unique_ptr<Subject> StoreContract::OfItsOwn(std::string_view key) {
  stores_.push_back(GetParam()());
  return stores_.back()->Key(key);
}

std::string StoreContract::Told(bool allowed) const {
  std::string text;
  bool all = true;
  for (const Decision& decision : decisions_) {
    text += (text.empty() ? "" : " | ") + Text(decision);
    all = all && (decision.allowed || !decision.enforced);
  }
  EXPECT_EQ(allowed, all) << "the answer is not that of all policies: " << text;
  return text;
}

std::string StoreContract::Check(std::string_view key, const Subject::Question& question) {
  decisions_.assign(policies_.size(), {});
  return Told(Key(key).Check(question, now_, decisions_));
}

std::string StoreContract::Peek(std::string_view key, const Subject::Question& question) {
  decisions_.assign(policies_.size(), {});
  return Told(Key(key).Peek(question, now_, decisions_));
}

namespace {

Subject::Question Costing(const std::vector<std::int64_t>& costs) {
  Subject::Question question{.asks = {}, .holder = {}};
  for (const std::int64_t cost : costs) question.asks.push_back({.cost = cost});
  return question;
}

}  // namespace

std::string StoreContract::Check(std::string_view key, const std::vector<std::int64_t>& costs) {
  return Check(key, Costing(costs));
}

std::string StoreContract::Peek(std::string_view key, const std::vector<std::int64_t>& costs) {
  return Peek(key, Costing(costs));
}

void StoreContract::ForetellsCheck(std::string_view key, const Subject::Question& question) {
  const std::string peeked = Peek(key, question);
  EXPECT_EQ(Peek(key, question), peeked);
  const std::vector<Decision> foretold = decisions_;
  Subject::Question costless = question;
  for (Ask& ask : costless.asks) ask.cost = 0;
  Peek(key, costless);
  const std::vector<Decision> stands = decisions_;
  Check(key, question);
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    EXPECT_EQ(foretold[i].allowed, decisions_[i].allowed) << peeked;
    EXPECT_EQ(foretold[i].retry_after, decisions_[i].retry_after) << peeked;
    EXPECT_EQ(foretold[i].delay, decisions_[i].delay) << peeked;
    EXPECT_EQ(foretold[i].remaining, stands[i].remaining) << peeked;
    EXPECT_EQ(foretold[i].reset_after, stands[i].reset_after) << peeked;
  }
}

std::vector<std::int64_t> StoreContract::Marks() const {
  std::vector<std::int64_t> marks;
  for (const Decision& decision : decisions_) marks.push_back(decision.mark);
  return marks;
}

TEST_P(StoreContract, AKeyNeverSeenHasItsWholeCapacity) {
  EXPECT_EQ(Check("k", {5}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, DeniesOneTooMany) {
  Check("k", {5});
  EXPECT_EQ(Check("k", {1}), "denied, 0 of 5 left, retry 200000000, reset 1000000000");
}

TEST_P(StoreContract, DenialsChangeNothing) {
  Check("k", {4});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Check("k", {2}), "denied, 1 of 5 left, retry 200000000, reset 800000000");
  }
  EXPECT_EQ(Check("k", {1}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, CostZeroIsAdmittedAndChargesNothing) {
  EXPECT_EQ(Check("k", {0}), "admitted, 5 of 5 left, retry 0, reset 0");
  Check("k", {5});
  EXPECT_EQ(Check("k", {0}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, ACostAboveTheCapacityIsNeverAdmittedAndChangesNothing) {
  EXPECT_EQ(Check("k", {6}), "denied, 5 of 5 left, retry never, reset 0");
  EXPECT_EQ(Check("k", {(std::int64_t{1} << 31) - 1}), "denied, 5 of 5 left, retry never, reset 0");
  EXPECT_EQ(Check("k", {5}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, RetryAfterIsTightToAStepOfTheClock) {
  Check("k", {5});
  SetTime(kStart + milliseconds(200) - Tick());
  EXPECT_EQ(Check("k", {1}).substr(0, 6), "denied");
  SetTime(kStart + milliseconds(200));
  EXPECT_EQ(Check("k", {1}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, AKeyThatHasDrainedEqualsANewOne) {
  Check("k", {5});
  SetTime(kStart + seconds(1));
  EXPECT_EQ(Peek("k", {0}), Peek("new", {0}));
  EXPECT_EQ(Check("k", {5}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, KeysHaveStatesOfTheirOwn) {
  using std::string_literals::operator""s;
  const std::vector<std::string> keys = {"a",
                                         "A",
                                         "a ",
                                         " a",
                                         "a:b",
                                         "{a}",
                                         "a}",
                                         "{",
                                         "a{b}c",
                                         "a\nb",
                                         "a\rb",
                                         "a\0b"s,
                                         "a\0"s,
                                         "\0a"s,
                                         "%61",
                                         "a%00b",
                                         "\x01",
                                         "\xff\xfe",
                                         "é",
                                         "\"a\"",
                                         "default",
                                         "a:default",
                                         "*",
                                         "a*",
                                         "__meta",
                                         R"(a\0b)",
                                         "a\tb",
                                         "{}a{b}",
                                         "a:tb1",
                                         std::string(128, 'x'),
                                         std::string(129, 'x'),
                                         std::string(100'000, 'x'),
                                         std::string(100'000, 'x') + "y"};
  for (const std::string& key : keys) {
    EXPECT_EQ(Check(key, {5}), "admitted, 0 of 5 left, retry 0, reset 1000000000") << key;
  }
  for (const std::string& key : keys) EXPECT_EQ(Check(key, {1}).substr(0, 6), "denied") << key;
}

TEST_P(StoreContract, PoliciesOfOneKeyHaveStatesOfTheirOwn) {
  const Policy first = policies_[0];
  const Policy second = BucketPolicy("second", 5, 5, seconds(1));
  Check("k", {5});
  policies_ = {second};
  EXPECT_EQ(Check("k", {1}), "admitted, 4 of 5 left, retry 0, reset 200000000");
  policies_ = {second, first};
  EXPECT_EQ(Check("k", {1, 1}),
            "admitted, 4 of 5 left, retry 0, reset 200000000 | "
            "denied, 0 of 5 left, retry 200000000, reset 1000000000");
}

TEST_P(StoreContract, OtherNumbersUnderOneNameKeepTheState) {
  Check("k", {4});
  policies_ = {BucketPolicy("default", 10, 5, seconds(1))};
  EXPECT_EQ(Check("k", {6}), "admitted, 0 of 10 left, retry 0, reset 2000000000");
}

TEST_P(StoreContract, AnotherAlgorithmUnderOneNameHasAStateOfItsOwn) {
  const Policy tokens = policies_[0];
  const Policy cells = {"default", CellRate(5, 5, seconds(1))};
  const Policy meter = {"default", Leaky(5, 5, seconds(1), LeakyBucket::Mode::kPolice)};
  for (const Policy& policy : {tokens, cells, meter}) {
    policies_ = {policy};
    EXPECT_EQ(Check("k", {5}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
  }
  for (const Policy& policy : {tokens, cells, meter}) {
    policies_ = {policy};
    EXPECT_EQ(Check("k", {1}), "denied, 0 of 5 left, retry 200000000, reset 1000000000");
  }
}

TEST_P(StoreContract, BothModesOfALeakyBucketKeepOneState) {
  policies_ = {{"default", Leaky(5, 5, seconds(1), LeakyBucket::Mode::kPolice)}};
  EXPECT_EQ(Check("k", {3}), "admitted, 2 of 5 left, retry 0, reset 600000000");
  policies_ = {{"default", Leaky(5, 5, seconds(1), LeakyBucket::Mode::kShape)}};
  EXPECT_EQ(Check("k", {1}), "admitted, 1 of 5 left, retry 0, reset 800000000, delay 600000000");
}

TEST_P(StoreContract, PeekTellsTheDelayAndTakesNoPlaceInLine) {
  policies_ = {{"default", Leaky(5, 5, seconds(1), LeakyBucket::Mode::kShape)}};
  Check("k", {2});
  const std::string told = "admitted, 2 of 5 left, retry 0, reset 600000000, delay 400000000";
  const std::string stands = "admitted, 3 of 5 left, retry 0, reset 400000000, delay 400000000";
  EXPECT_EQ(Peek("k", {1}), stands);
  EXPECT_EQ(Peek("k", {1}), stands);
  EXPECT_EQ(Check("k", {1}), told);
}

TEST_P(StoreContract, SeveralPoliciesChargeAllOrNone) {
  policies_ = {BucketPolicy("a", 5, 5, seconds(1)), BucketPolicy("b", 2, 2, seconds(1)),
               BucketPolicy("c", 9, 9, seconds(9))};
  EXPECT_EQ(Check("k", {1, 2, 3}),
            "admitted, 4 of 5 left, retry 0, reset 200000000 | "
            "admitted, 0 of 2 left, retry 0, reset 1000000000 | "
            "admitted, 6 of 9 left, retry 0, reset 3000000000");
  const std::string denied =
      "admitted, 4 of 5 left, retry 0, reset 200000000 | "
      "denied, 0 of 2 left, retry 500000000, reset 1000000000 | "
      "admitted, 6 of 9 left, retry 0, reset 3000000000";
  EXPECT_EQ(Check("k", {1, 1, 1}), denied);
  EXPECT_EQ(Check("k", {4, 1, 6}), denied);
  EXPECT_EQ(Check("k", {4, 0, 6}),
            "admitted, 0 of 5 left, retry 0, reset 1000000000 | "
            "admitted, 0 of 2 left, retry 0, reset 1000000000 | "
            "admitted, 0 of 9 left, retry 0, reset 9000000000");
}

TEST_P(StoreContract, AsManyPoliciesAsThereMayBe) {
  policies_.clear();
  for (std::size_t i = 0; i < kMaxPolicies; ++i) {
    policies_.push_back(BucketPolicy("p" + std::to_string(i), 5, 5, seconds(1)));
  }
  Check("k", std::vector<std::int64_t>(kMaxPolicies, 5));
  const std::string told = Check("k", std::vector<std::int64_t>(kMaxPolicies, 1));
  EXPECT_EQ(told.find("admitted"), std::string::npos) << told;
}

TEST_P(StoreContract, PeekTellsTheAnswerOfCheckAndHowTheKeyStandsAndChangesNothing) {
  EXPECT_EQ(Peek("k", {1}), "admitted, 5 of 5 left, retry 0, reset 0");
  for (const std::int64_t cost : {0, 3, 6, 3, 2, 1}) ForetellsCheck("k", Costing({cost}));
}

TEST_P(StoreContract, PeekOverSeveralPoliciesChargesNone) {
  policies_ = {BucketPolicy("a", 5, 5, seconds(1)), BucketPolicy("b", 2, 2, seconds(1))};
  for (const std::vector<std::int64_t>& costs :
       std::vector<std::vector<std::int64_t>>{{3, 1}, {3, 1}, {0, 2}, {0, 0}, {2, 1}, {9, 9}}) {
    ForetellsCheck("k", Costing(costs));
  }
}

TEST_P(StoreContract, ResetForgetsTheKeyAndNoOther) {
  policies_ = {BucketPolicy("a", 5, 5, seconds(1)), BucketPolicy("b", 5, 5, seconds(1))};
  Check("k", {5, 5});
  Check("other", {5, 5});
  Key("k").Reset(now_);
  EXPECT_EQ(Check("k", {1, 1}),
            "admitted, 4 of 5 left, retry 0, reset 200000000 | "
            "admitted, 4 of 5 left, retry 0, reset 200000000");
  EXPECT_EQ(Check("other", {1, 0}).substr(0, 6), "denied");
  Key("never seen").Reset(now_);
}

TEST_P(StoreContract, ResetForgetsOnlyThePoliciesNamed) {
  policies_ = {BucketPolicy("a", 5, 5, seconds(1)), BucketPolicy("b", 5, 5, seconds(1))};
  Check("k", {5, 5});
  const std::vector<Policy> both = policies_;
  policies_.pop_back();
  Key("k").Reset(now_);
  policies_ = both;
  EXPECT_EQ(Peek("k", {1, 0}),
            "admitted, 5 of 5 left, retry 0, reset 0 | "
            "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, AClockThatStepsBackAdmitsNoMoreAndDelaysByTheStepAtMost) {
  Check("k", {4});
  SetTime(kStart - days(2));
  EXPECT_EQ(Check("k", {1}), "denied, 0 of 5 left, retry 172800000000000, reset 172800800000000");
  SetTime(kStart - milliseconds(200));
  EXPECT_EQ(Check("k", {1}), "denied, 0 of 5 left, retry 200000000, reset 1000000000");
  SetTime(kStart);
  EXPECT_EQ(Check("k", {1}), "admitted, 0 of 5 left, retry 0, reset 1000000000");
}

TEST_P(StoreContract, HoldsTheVectors) {
  int subjects = 0;
  EXPECT_EQ(RunAllVectors([&] {
              ++subjects;
              return OfItsOwn("k");
            }),
            "");
  EXPECT_GE(subjects, 100);
}

TEST_P(StoreContract, AgreesWithThePlainModelsOnRandomTraces) {
  Random random(TestSeed());
  TraceCounts counts;
  EXPECT_EQ(RunTraces(
                random, Steps(4'000), [this] { return OfItsOwn("k"); }, counts),
            "");
  // The traces must be able to show a difference.
  EXPECT_GT(counts.admitted, counts.steps / 20);
  EXPECT_GT(counts.denied, counts.steps / 20);
  EXPECT_GT(counts.operations, counts.steps / 20);
}

TEST_P(StoreContract, KeepsThePromisesOnRandomTraces) {
  Random random(TestSeed());
  TraceCounts counts;
  EXPECT_EQ(RunPromises(
                random, Steps(2'000), [this] { return OfItsOwn("k"); }, counts),
            "");
  EXPECT_GT(counts.waits, counts.steps / 20);
  EXPECT_GT(counts.admitted, counts.steps / 20);
}

TEST_P(StoreContract, AdmitsNoMoreThanTheBoundOfEachAlgorithm) {
  Random random(TestSeed());
  EXPECT_EQ(RunBounds(random, Steps(4'000), [this] { return OfItsOwn("k"); }), "");
}

}  // namespace sluice::testing
