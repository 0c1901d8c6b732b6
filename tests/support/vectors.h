// The shared vectors of tests/vectors, as C++ runs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/policy.h"
#include "support/subject.h"

namespace sluice::testing {

/// One call and what it has to come to. tests/vectors/options.json says what the fields mean.
struct VectorStep {
  enum class Op : std::uint8_t {
    kCheck,
    kPeek,
    kDebit,
    kCredit,
    kAbort,
    kRelease,
    kRenew,
    kBlock,
    kUnblock,
    kReset,
    kUse,  ///< from here on the key is asked under `policies`
  };

  Op op = Op::kCheck;
  Nanos now{0};

  std::vector<Ask> asks;            ///< kCheck, kPeek: one per policy
  Nanos max_wait = kNoWait;         ///< kCheck, kPeek
  std::vector<std::int64_t> units;  ///< kDebit, kCredit, kAbort: one per policy
  /// kCredit, kAbort: the check whose charge is meant; kRelease, kRenew: the check that took the
  /// slot. An index into the steps before this one.
  std::optional<std::size_t> of;
  Nanos span{0};                   ///< kBlock
  std::vector<std::size_t> which;  ///< kBlock, kUnblock: indexes of policies
  std::vector<Policy> policies;    ///< kUse

  // What is expected.
  bool allowed = false;             ///< kCheck, kPeek: by all policies that enforce
  std::vector<Decision> decisions;  ///< kCheck, kPeek: one per policy, without marks
  bool done = false;                ///< kRelease, kRenew
};

/// Steps on one key that was never seen before.
struct Vector {
  std::string file;  ///< "gcra" for tests/vectors/gcra.json
  std::string name;
  bool ns_only = false;  ///< not for a store whose clock counts microseconds
  std::vector<Policy> policies;
  std::vector<VectorStep> steps;
};

/// Reads and checks all files of tests/vectors, in the order of their names. Throws
/// std::runtime_error naming file and vector at fault.
std::vector<Vector> AllVectors();

/// Takes the steps on a subject never asked before. What differs, line by line, each with its step;
/// empty when all is as expected.
std::string RunVector(const Vector& vector, Subject& subject);

/// All vectors that the subjects' clocks can tell, each on a subject of its own. As RunVector.
std::string RunAllVectors(const MakeSubject& make);

}  // namespace sluice::testing
