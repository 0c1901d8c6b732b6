// The shared vectors cover every algorithm. Each store runs them (store/store_contract.cc).
#include "support/vectors.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <variant>

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

}  // namespace
}  // namespace sluice::testing
