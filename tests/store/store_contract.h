// What every store has to do, as a test suite that a store runs in a few lines:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&MakeMemoryUnderTest));
//
// with the sources that store/CMakeLists.txt lists as SLUICE_STORE_CONTRACT in the test program.
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

/// A store of its own, without any key.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  /// A key of this store: one text, one key. May end before or after others, not after the store.
  virtual std::unique_ptr<Subject> Key(std::string_view key) = 0;
};

using MakeStoreUnderTest = std::unique_ptr<StoreUnderTest> (*)();

class StoreContract : public ::testing::TestWithParam<MakeStoreUnderTest> {
 protected:
  StoreContract();

  // One call at now_ under policies_, its costs in their order; told as text, the policies' parted
  // by " | ".
  std::string Check(std::string_view key, const std::vector<std::int64_t>& costs);
  std::string Peek(std::string_view key, const std::vector<std::int64_t>& costs);
  // The same for more than costs. The decisions stay in decisions_.
  std::string Check(std::string_view key, const Subject::Question& question);
  std::string Peek(std::string_view key, const Subject::Question& question);
  // Peeks, twice, and checks: the peek tells the check's answer, and what a cost of 0 tells of the
  // state before.
  void ForetellsCheck(std::string_view key, const Subject::Question& question);
  // What the decisions of the last call name what was charged.
  std::vector<std::int64_t> Marks() const;

  // The key under policies_, for anything else.
  Subject& Key(std::string_view key);
  // The key in another store, which lasts as long as the test.
  std::unique_ptr<Subject> OfItsOwn(std::string_view key);
  void SetTime(Nanos now) { now_ = now; }
  Nanos Tick() { return Key("tick").tick(); }

  std::unique_ptr<StoreUnderTest> store_;
  std::vector<Policy> policies_;  // one bucket of 5, 0.2 s a token, unless a test says otherwise
  Nanos now_;
  std::vector<Decision> decisions_;

 private:
  std::string Told(bool allowed) const;

  std::map<std::string, std::unique_ptr<Subject>, std::less<>> keys_;
  std::vector<std::unique_ptr<StoreUnderTest>> stores_;
};

}  // namespace sluice::testing
