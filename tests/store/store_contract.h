// The contract of every store, as a test suite that a store runs in a few lines:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&MakeMemoryUnderTest));
//
// with the sources in SLUICE_STORE_CONTRACT of store/CMakeLists.txt in the test program.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"
#include "support/subject.h"

namespace sluice::testing {

/// A new store without keys.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  /// A key of this store; equal texts are one key. May end before or after others, not after the
  /// store.
  virtual std::unique_ptr<Subject> Key(std::string_view key) = 0;
};

using MakeStoreUnderTest = std::unique_ptr<StoreUnderTest> (*)();

class StoreContract : public ::testing::TestWithParam<MakeStoreUnderTest> {
 protected:
  StoreContract();

  // Makes one call at now_ under policies_, with its costs in their order. Returns a text, with the
  // policies separated by " | ".
  std::string Check(std::string_view key, const std::vector<std::int64_t>& costs);
  std::string Peek(std::string_view key, const std::vector<std::int64_t>& costs);
  // The same with other arguments than costs. The decisions stay in decisions_.
  std::string Check(std::string_view key, const Subject::Question& question);
  std::string Peek(std::string_view key, const Subject::Question& question);
  // Peeks twice and checks: the peek predicts the check's answer, and a peek of cost 0 shows the
  // state before it.
  void ForetellsCheck(std::string_view key, const Subject::Question& question);
  // The marks of the charges in the last call's decisions.
  std::vector<std::int64_t> Marks() const;

  // The key under policies_, for other calls.
  Subject& Key(std::string_view key);
  // The key in a separate store, which lasts as long as the test.
  std::unique_ptr<Subject> OfItsOwn(std::string_view key);
  void SetTime(Nanos now) { now_ = now; }
  Nanos Tick() { return Key("tick").tick(); }

  std::unique_ptr<StoreUnderTest> store_;
  std::vector<Policy> policies_;  // one bucket of 5, 0.2 s a token, unless a test changes it
  Nanos now_;
  std::vector<Decision> decisions_;

 private:
  std::string Told(bool allowed) const;

  std::map<std::string, std::unique_ptr<Subject>, std::less<>> keys_;
  std::vector<std::unique_ptr<StoreUnderTest>> stores_;
};

}  // namespace sluice::testing
