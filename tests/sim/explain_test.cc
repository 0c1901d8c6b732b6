// Explanations match the limiter's decisions, and their numbers add up.
#include "model/explain.h"

#include <gtest/gtest.h>

#include "model/simulation.h"
#include "scenarios.h"
#include "support/seed.h"

namespace sluice::sim {
namespace {

std::string ValueOf(const std::vector<Explanation::Line>& lines, std::string_view name) {
  for (const auto& line : lines) {
    if (line.name == name) return line.value;
  }
  return "no line of this name";
}

TEST(Explain, ADenialNamesWhatIsMissingAndForHowLong) {
  Simulation simulation(Quiet());
  simulation.Send(0, 20);
  simulation.AdvanceTo(40 * kMilli);
  simulation.Send(0, 1);
  const Explanation text = Explain(simulation.history().requests().back());
  EXPECT_EQ(text.verdict, "Denied");
  EXPECT_EQ(text.reason,
            "The bucket held 0.40 tokens; cost 1 needs 1 token. The missing 0.60 refill in 60 ms.");
  EXPECT_EQ(ValueOf(text.lines, "one token"), "100 ms");
  EXPECT_EQ(ValueOf(text.lines, "full refill"), "2,000 ms");
  EXPECT_EQ(ValueOf(text.lines, "not refilled yet"), "1,960 ms");
  EXPECT_EQ(ValueOf(text.lines, "room"), "40 ms");
  EXPECT_EQ(ValueOf(text.lines, "needed"), "100 ms");
  EXPECT_EQ(text.test, "100 ms \u2264 40 ms?  No: denied.");
  EXPECT_EQ(ValueOf(text.answer, "remaining"), "0");
  EXPECT_EQ(ValueOf(text.answer, "retry after"), "60 ms");
  EXPECT_EQ(ValueOf(text.answer, "full again after"), "1,960 ms");
}

TEST(Explain, AnAdmissionNamesWhatItTookAndLeft) {
  Simulation simulation(Quiet());
  simulation.Send(0, 3);
  const Explanation text = Explain(simulation.history().requests().back());
  EXPECT_EQ(text.verdict, "Admitted");
  EXPECT_EQ(text.reason, "The bucket held 20.00 tokens; cost 3 took 3 tokens and left 17.00.");
  EXPECT_EQ(text.test, "300 ms \u2264 2,000 ms?  Yes: admitted.");
  EXPECT_EQ(ValueOf(text.answer, "remaining"), "17");
}

TEST(Explain, ACostAboveTheCapacityIsDeniedForEver) {
  Simulation simulation(Quiet());
  simulation.Send(0, 21);
  const Explanation text = Explain(simulation.history().requests().back());
  EXPECT_EQ(text.reason,
            "Cost 21 is more than the bucket can ever hold (20), so it can never be admitted.");
  EXPECT_EQ(ValueOf(text.answer, "retry after"), "never");
}

TEST(Explain, CostZeroTakesNothing) {
  Simulation simulation(Quiet());
  simulation.Send(0, 0);
  EXPECT_EQ(Explain(simulation.history().requests().back()).reason,
            "Cost 0 is always admitted and takes nothing.");
}

TEST(Explain, DebtIsCalledDebt) {
  Simulation simulation(Quiet());
  simulation.Send(0, 20);
  simulation.SetPolicy(Bucket(5, 10, kOneSecond));
  simulation.Send(0, 1);
  EXPECT_EQ(Explain(simulation.history().requests().back()).reason,
            "The bucket was 15.00 tokens below empty; cost 1 needs 1 token. "
            "The missing 16.00 refill in 1,600 ms.");
}

Explanation Last(const Simulation& simulation) {
  return Explain(simulation.history().requests().back());
}

TEST(ExplainGcra, TellsHowFarTheTatIsAhead) {
  Simulation simulation(Quiet(Chosen(kGcraInfo, {{"burst", "5"}})));
  simulation.Send(0, 1);
  EXPECT_EQ(
      Last(simulation).reason,
      "The theoretical arrival time (TAT) had passed. Cost 1 moves it by 100 ms: it may be up "
      "to 500 ms ahead.");
  simulation.Send(0, 4);
  EXPECT_EQ(Last(simulation).test, "400 ms \u2264 400 ms?  Yes: admitted.");
  simulation.AdvanceTo(30 * kMilli);
  simulation.Send(0, 1);
  const Explanation text = Last(simulation);
  EXPECT_EQ(text.verdict, "Denied");
  EXPECT_EQ(
      text.reason,
      "The theoretical arrival time (TAT) was 470 ms ahead of now. Cost 1 moves it by 100 ms, "
      "which is 70 ms too far.");
  EXPECT_EQ(ValueOf(text.lines, "TAT is ahead"), "470 ms");
  EXPECT_EQ(ValueOf(text.answer, "retry after"), "70 ms");
  EXPECT_EQ(ValueOf(text.answer, "as new after"), "470 ms");
  simulation.Send(0, 6);
  EXPECT_EQ(Last(simulation).reason,
            "Cost 6 is more than the burst (5), so it can never be admitted.");
}

TEST(ExplainLeakyBucket, TellsWhatIsInItAndHowLongACallIsHeldBack) {
  Simulation police(Quiet(Chosen(kLeakyBucketInfo, {{"capacity", "3"}})));
  Simulation shape(Quiet(Chosen(kLeakyBucketInfo, {{"capacity", "3"}, {"mode", "shape"}})));
  for (Simulation* simulation : {&police, &shape}) simulation->Send(0, 1);
  EXPECT_EQ(Last(shape).reason,
            "The bucket held 0.00 of 3 units; cost 1 filled it to 1.00. Nothing was before it, so "
            "it goes on at once.");
  for (Simulation* simulation : {&police, &shape}) {
    simulation->AdvanceTo(50 * kMilli);
    simulation->Send(0, 2);
  }
  EXPECT_EQ(Last(police).reason, "The bucket held 0.50 of 3 units; cost 2 filled it to 2.50.");
  EXPECT_EQ(Last(shape).reason,
            "The bucket held 0.50 of 3 units; cost 2 filled it to 2.50. What was before it leaks "
            "out first, so it is held back for 50 ms.");
  EXPECT_EQ(ValueOf(Last(police).answer, "goes on after"), "no line of this name");
  EXPECT_EQ(ValueOf(Last(shape).answer, "goes on after"), "50 ms");
  shape.Send(0, 1);
  EXPECT_EQ(
      Last(shape).reason,
      "The bucket held 2.50 of 3 units; with cost 1 it would run over by 0.50, which leak out "
      "in 50 ms.");
  EXPECT_EQ(ValueOf(Last(shape).answer, "empty after"), "250 ms");
}

TEST(ExplainFixedWindow, TellsTheCountAndWhenTheWindowEnds) {
  Simulation simulation(Quiet(Chosen(kFixedWindowInfo)));
  simulation.AdvanceTo(kOneSecond);
  simulation.Send(0, 19);
  EXPECT_EQ(Last(simulation).reason, "A new window began with this request; cost 19 made it 19.");
  simulation.Send(0, 1);
  EXPECT_EQ(Last(simulation).reason, "The window had counted 19 of 20; cost 1 made it 20.");
  EXPECT_EQ(Last(simulation).test, "19 + 1 \u2264 20?  Yes: admitted.");
  simulation.AdvanceTo(1750 * kMilli);
  simulation.Send(0, 1);
  const Explanation text = Last(simulation);
  EXPECT_EQ(text.reason,
            "The window had counted 20 of 20; cost 1 does not fit. The window ends in 1,250 ms.");
  EXPECT_EQ(text.test, "20 + 1 \u2264 20?  No: denied.");
  EXPECT_EQ(ValueOf(text.lines, "counted so far"), "20");
  EXPECT_EQ(ValueOf(text.lines, "window ends in"), "1,250 ms");
  EXPECT_EQ(ValueOf(text.answer, "retry after"), "1,250 ms");
  simulation.Send(0, 21);
  EXPECT_EQ(Last(simulation).test, "n \u2264 L?  21 \u2264 20?  No: denied for ever.");
}

TEST(ExplainSlidingWindow, WeighsTheWindowBefore) {
  Simulation simulation(Quiet(Chosen(kSlidingWindowInfo)));
  simulation.AdvanceTo(kOneSecond);
  simulation.Send(0, 16);
  simulation.AdvanceTo(3 * kOneSecond);  // half of the next window
  simulation.Send(0, 12);
  EXPECT_EQ(
      Last(simulation).reason,
      "The window before counted 16, and 50 % of it still overlaps: 8. With 0 in this one the "
      "estimate was 8 of 20; cost 12 made it 20.");
  simulation.Send(0, 1);
  const Explanation text = Last(simulation);
  EXPECT_EQ(text.reason,
            "The window before counted 16, and 50 % of it still overlaps: 8. With 12 in this one "
            "the estimate was 20 of 20; cost 1 does not fit. It will in 125 ms.");
  EXPECT_EQ(ValueOf(text.lines, "overlap"), "512/1,024");
  EXPECT_EQ(ValueOf(text.lines, "estimate"), "20");
  EXPECT_EQ(text.test, "20 + 1 \u2264 20?  No: denied.");
  simulation.AdvanceTo(3 * kOneSecond + 125 * kMilli);
  simulation.Send(0, 1);
  EXPECT_EQ(Last(simulation).verdict, "Admitted");
}

TEST(ExplainSlidingLog, TellsTheSumAndWhenEnoughHasLeft) {
  Simulation simulation(Quiet(Chosen(kSlidingLogInfo)));
  simulation.Send(0, 5);
  simulation.AdvanceTo(kOneSecond);
  simulation.Send(0, 14);
  EXPECT_EQ(Last(simulation).reason, "The last 2 s held 5 of 20 units; cost 14 made it 19.");
  simulation.Send(0, 2);
  EXPECT_EQ(Last(simulation).reason,
            "The last 2 s held 19 of 20 units; cost 2 does not fit. Enough of them leave it in "
            "1,000 ms.");
  EXPECT_EQ(Last(simulation).test, "19 + 2 \u2264 20?  No: denied.");
}

TEST(ExplainConcurrency, TellsTheSlotsHeld) {
  Simulation simulation(Quiet(Chosen(kConcurrencyInfo, {{"limit", "2"}, {"hold-kind", "fixed"}})));
  simulation.Send(0, 3);
  EXPECT_EQ(Last(simulation).reason,
            "0 of 2 slots were held; this call took another, and keeps it for 1,000 ms.");
  simulation.Send(0, 1);
  simulation.AdvanceTo(400 * kMilli);
  simulation.Send(0, 1);
  EXPECT_EQ(Last(simulation).reason,
            "2 of 2 slots were held. If nobody gives one back, one expires in 4,600 ms.");
  EXPECT_EQ(Last(simulation).test, "2 < 2?  No: denied.");
  simulation.Send(0, 0);
  EXPECT_EQ(Last(simulation).reason, "Cost 0 is always admitted and takes nothing.");
  EXPECT_EQ(Last(simulation).test, "n = 0: admitted.");
}

class ExplainEvery : public ::testing::TestWithParam<const AlgorithmInfo*> {};

INSTANTIATE_TEST_SUITE_P(Algorithm, ExplainEvery, ::testing::ValuesIn(kAlgorithms), CaseName);

TEST_P(ExplainEvery, TheTestAnswersAsTheLimiterDid) {
  Simulation simulation(Busy(testing::TestSeed(), 1, *GetParam()));
  for (int i = 0; i < 200; ++i) {
    simulation.StepEvent();
    if (i % 20 == 0) simulation.Send(0, i % 60 == 0 ? 30 : 3);
  }
  for (const Request& request : simulation.history().requests()) {
    const Explanation text = Explain(request);
    const bool allowed = request.decision.allowed;
    EXPECT_EQ(text.verdict, allowed ? "Admitted" : "Denied");
    EXPECT_EQ(text.test.find("No: denied") == std::string::npos, allowed) << text.test;
    EXPECT_EQ(text.fit.taken + text.fit.need <= 1 + 1e-9, allowed) << request.id;
    EXPECT_FALSE(text.reason.empty());
    EXPECT_FALSE(text.rule.empty());
  }
}

TEST_P(ExplainEvery, IsIntroduced) {
  const Introduction introduction = GetParam()->introduce(PolicyNumbers(*GetParam()));
  EXPECT_TRUE(introduction.title.starts_with("How "));
  EXPECT_GE(introduction.sentences.size(), 3U);
}

}  // namespace
}  // namespace sluice::sim
