// The shared vectors of tests/vectors, for C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/operation.h"
#include "core/policy.h"
#include "core/result.h"
#include "support/subject.h"

namespace sluice::testing {

/// One call and its expected result. tests/vectors/options.json explains the fields.
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
    kUse,  ///< later calls use `policies`
  };

  Op op = Op::kCheck;
  Nanos now{0};

  std::vector<Ask> asks;            ///< kCheck, kPeek: one per policy
  Nanos max_wait = kNoWait;         ///< kCheck, kPeek
  std::vector<std::int64_t> units;  ///< kDebit, kCredit, kAbort: one per policy
  /// kCredit, kAbort: the check whose charge is meant; kRelease, kRenew: the check that took the
  /// slot. An index into the earlier steps.
  std::optional<std::size_t> of;
  Nanos span{0};                   ///< kBlock
  std::vector<std::size_t> which;  ///< kBlock, kUnblock: indexes of policies
  std::vector<Policy> policies;    ///< kUse

  // The expected result.
  bool allowed = false;             ///< kCheck, kPeek: by all policies that enforce
  std::vector<Decision> decisions;  ///< kCheck, kPeek: one per policy, without marks
  bool done = false;                ///< kRelease, kRenew
};

/// Steps on one new key.
struct Vector {
  std::string file;  ///< "gcra" for tests/vectors/gcra.json
  std::string name;
  bool ns_only = false;  ///< not for a store whose clock counts microseconds
  std::vector<Policy> policies;
  std::vector<VectorStep> steps;
};

/// One call about reservations. tests/vectors/reservations.json explains the fields.
struct ReservationStep {
  Operation operation;
  Nanos at{0};
  std::optional<bool> allowed;
  std::vector<std::int64_t> remaining;
  HoldOutcome outcome = HoldOutcome::kOk;
  std::vector<std::int64_t> charged;
  std::optional<PolicyBits> spent;
};

/// Steps on one new key.
struct ReservationVector {
  std::string name;
  std::vector<Policy> policies;
  std::vector<ReservationStep> steps;
};

/// Reads tests/vectors/reservations.json. Throws as AllVectors.
std::vector<ReservationVector> ReservationVectors();

/// The differences between the result and the expected one; empty if there are none.
std::string Differences(const ReservationStep& step, const Result& result);

/// Reads and checks all other files of tests/vectors, in the order of their names. On a fault
/// throws std::runtime_error with the file and the vector.
std::vector<Vector> AllVectors();

/// Runs the steps on a new subject. Returns the differences, one line per step; empty if there are
/// none.
std::string RunVector(const Vector& vector, Subject& subject);

/// Runs all vectors that the subjects' clocks can represent, each on a new subject. Returns as
/// RunVector.
std::string RunAllVectors(const MakeSubject& make);

}  // namespace sluice::testing
