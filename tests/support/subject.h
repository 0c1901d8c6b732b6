// One key in some store, as the shared vectors and the random traces ask it: what a store has to
// wrap so that both hold for it.
//
//   RunVector(vector, subject)           tests/vectors, one by one (support/vectors.h)
//   RunTrace(random, steps, subject)     against the plain models (support/trace_run.h)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/policy.h"
#include "core/repeat.h"

namespace sluice::testing {

/// Starts as a key never seen. Times are >= 0 and multiples of tick(); they may go back. Where a
/// policy speaks of the calendar, a time counts from 1970.
class Subject {
 public:
  /// What a check or a peek asks.
  struct Question {
    std::vector<Ask> asks;  ///< one per policy
    Nanos max_wait = kNoWait;
    HolderId holder;  ///< another one in each check
  };

  virtual ~Subject() = default;

  /// The smallest step that the store's clock can tell.
  virtual Nanos tick() const = 0;
  /// The policies under which the key is asked from now on. Called before anything else, and again
  /// with other numbers, algorithms or names: states of the same name and state tag stay.
  virtual void Use(const std::vector<Policy>& policies) = 0;

  /// Decides and charges: Judge and Describe over these states. One decision per policy; of their
  /// marks only this subject has to make sense.
  virtual bool Check(const Question& question, Nanos now, std::span<Decision> decisions) = 0;
  /// Whether Check would admit it, described as by DescribePeek. Changes nothing.
  virtual bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) = 0;

  using Units = std::span<const std::int64_t>;  ///< one per policy, >= 0
  using Marks = std::span<const std::int64_t>;  ///< one per policy, from a Check; or none at all

  virtual void Debit(Units units, Nanos now) = 0;
  virtual void Credit(Units units, Marks marks, Nanos now) = 0;
  /// For a call that gave up waiting. Precondition: marks. False if some policy kept its charge
  /// because others wait behind it.
  virtual bool Abort(Units units, Marks marks, Nanos now) = 0;
  /// Whether all concurrency policies still had the holder's slot.
  virtual bool Release(HolderId holder, Nanos now) = 0;
  virtual bool Renew(HolderId holder, Nanos now) = 0;
  /// `which`: indexes of policies.
  virtual void Block(std::span<const std::size_t> which, Nanos span, Nanos now) = 0;
  virtual void Unblock(std::span<const std::size_t> which, Nanos now) = 0;
  /// Forgets the key under all policies of now.
  virtual void Reset(Nanos now) = 0;

  /// Whether by now the store holds no state of this policy (any more), though it was charged. A
  /// store may drop a state that equals none, and only such; it then stays dropped if the clock
  /// steps back. One that keeps its states says false.
  virtual bool Dropped(std::size_t /*policy*/, Nanos /*now*/) { return false; }
  /// The same of a block of that policy's state alone.
  virtual bool DroppedBlock(std::size_t /*policy*/, Nanos /*now*/) { return false; }
};

/// Policies by index as one bit each.
inline PolicyBits BitsOf(std::span<const std::size_t> which) {
  PolicyBits bits = 0;
  for (const std::size_t i : which) bits |= PolicyBits{1} << i;
  return bits;
}

/// Makes a subject whose key was never seen.
using MakeSubject = std::function<std::unique_ptr<Subject>()>;

}  // namespace sluice::testing
