// What every store has to do, as a test suite that a store runs in a few lines:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&MakeMemoryUnderTest));
//
// with store_contract.cc among the sources of the test program.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy.h"

namespace sluice::testing {

/// A store with a clock that stands still until it is set. Starts without any key.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  /// The smallest step that the store's clock can tell.
  virtual Nanos tick() const = 0;
  /// Sets the clock, forwards or back. Precondition: now >= 0, a multiple of tick().
  virtual void SetTime(Nanos now) = 0;
  /// Decides and charges; see DecideTats.
  virtual bool Check(std::string_view key, std::span<const Policy> policies,
                     std::span<const std::int64_t> costs, std::span<Decision> decisions) = 0;
  /// What Check would answer.
  virtual bool Peek(std::string_view key, std::span<const Policy> policies,
                    std::span<const std::int64_t> costs, std::span<Decision> decisions) = 0;
  /// Forgets the key under these policies.
  virtual void Reset(std::string_view key, std::span<const Policy> policies) = 0;
  /// Whether there is no state of the key under this policy (any more). A store may drop a state
  /// whose TAT has passed, and only such; it then stays dropped if the clock steps back. One that
  /// keeps its states says false.
  virtual bool Dropped(std::string_view /*key*/, const Policy& /*policy*/) { return false; }
};

using MakeStoreUnderTest = std::unique_ptr<StoreUnderTest> (*)();

class StoreContract : public ::testing::TestWithParam<MakeStoreUnderTest> {
 protected:
  StoreContract();

  // One call under policies_, its costs in their order; told as text, the policies' parted by " |
  // ".
  std::string Check(std::string_view key, std::vector<std::int64_t> costs);
  std::string Peek(std::string_view key, std::vector<std::int64_t> costs);
  void SetTime(Nanos now) { store_->SetTime(now); }

  std::unique_ptr<StoreUnderTest> store_;
  std::vector<Policy> policies_;  // one bucket of 5, 0.2 s a token, unless a test says otherwise

 private:
  std::string Told(bool allowed, const std::vector<Decision>& decisions) const;
};

}  // namespace sluice::testing
