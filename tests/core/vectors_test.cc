// The shared vectors through the core.
#include "support/vectors.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "support/policies.h"

namespace sluice::testing {
namespace {

// What a store does, without one: keeps a TAT per policy and asks DecideTats.
class TatsOfOneKey {
 public:
  explicit TatsOfOneKey(std::span<const Policy> policies)
      : policies_(policies), tats_(policies.size()) {}

  bool Check(std::span<const std::int64_t> costs, Nanos now, std::span<Decision> decisions) {
    std::vector<Nanos> backlogs;
    for (const Nanos tat : tats_) backlogs.push_back(Backlog(tat, now));
    const bool allowed = DecideTats(policies_, costs, backlogs, decisions);
    for (std::size_t i = 0; allowed && i < tats_.size(); ++i) {
      if (costs[i] > 0) tats_[i] = now + decisions[i].reset_after;
    }
    return allowed;
  }

 private:
  std::span<const Policy> policies_;
  std::vector<Nanos> tats_;
};

TEST(Vectors, AreThereForEveryAlgorithm) {
  std::map<std::string, int> files;
  std::set<std::string_view> algorithms;
  for (const Vector& vector : AllVectors()) {
    ++files[vector.file];
    for (const Policy& policy : vector.policies) algorithms.insert(StateTag(policy.algorithm));
  }
  for (const auto& [file, count] : files) EXPECT_GE(count, 30) << file;
  EXPECT_EQ(algorithms.size(), std::variant_size_v<Algorithm>);
}

TEST(Vectors, HoldForAPolicyAlone) {
  for (const Vector& vector : AllVectors()) {
    if (vector.policies.size() != 1) continue;
    SCOPED_TRACE(vector.file + ": " + vector.name);
    const TatRule& rule = RuleOf(vector.policies[0].algorithm);
    Nanos tat{0};
    for (std::size_t i = 0; i < vector.steps.size(); ++i) {
      const VectorStep& step = vector.steps[i];
      const TatStep done = CheckTat(rule, tat, step.costs[0], step.now);
      Decision expected = step.decisions[0];
      expected.delay = Nanos{0};  // the rule of a shaping policy knows nothing of shaping
      EXPECT_EQ(Text(done.decision), Text(expected)) << "step " << i;
      EXPECT_EQ(done.charged, step.allowed && step.costs[0] > 0) << "step " << i;
      if (!step.allowed) {
        EXPECT_EQ(done.tat, tat) << "step " << i;
      }
      tat = done.tat;
    }
  }
}

TEST(Vectors, HoldForSeveralPoliciesTogether) {
  for (const Vector& vector : AllVectors()) {
    SCOPED_TRACE(vector.file + ": " + vector.name);
    TatsOfOneKey key(vector.policies);
    for (std::size_t i = 0; i < vector.steps.size(); ++i) {
      const VectorStep& step = vector.steps[i];
      std::vector<Decision> decisions(vector.policies.size());
      EXPECT_EQ(key.Check(step.costs, step.now, decisions), step.allowed) << "step " << i;
      for (std::size_t p = 0; p < decisions.size(); ++p) {
        EXPECT_EQ(Text(decisions[p]), Text(step.decisions[p])) << "step " << i << " policy " << p;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::testing
