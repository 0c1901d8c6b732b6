// The shared vectors through the core.
#include "support/vectors.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>

#include "core_subject.h"

namespace sluice::testing {
namespace {

TEST(Vectors, AreThereForEveryAlgorithm) {
  std::map<std::string, int> files;
  std::set<std::size_t> algorithms;
  for (const Vector& vector : AllVectors()) {
    ++files[vector.file];
    for (const Policy& policy : vector.policies) algorithms.insert(policy.algorithm.index());
  }
  for (const auto& [file, count] : files) EXPECT_GE(count, 30) << file;
  EXPECT_EQ(algorithms.size(), std::variant_size_v<Algorithm>);
}

TEST(Vectors, Hold) {
  EXPECT_EQ(RunAllVectors([] { return std::make_unique<CoreSubject>(); }), "");
}

}  // namespace
}  // namespace sluice::testing
