// The interface between a store and the shared vectors and random traces: one key in the store.
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
#include "core/replay.h"

namespace sluice::testing {

/// Starts as a new key. Times are >= 0 and multiples of tick(); they may go back. Under a calendar
/// policy, a time counts from 1970.
class Subject {
 public:
  /// The arguments of a check or a peek.
  struct Question {
    std::vector<Ask> asks;  ///< one per policy
    Nanos max_wait = kNoWait;
    HolderId holder;  ///< a different one in each check
  };

  virtual ~Subject() = default;

  /// The smallest step of the store's clock.
  virtual Nanos tick() const = 0;
  /// Sets the policies of the following calls. Called before anything else, and again with other
  /// numbers, algorithms or names: states with the same name and state tag stay.
  virtual void Use(const std::vector<Policy>& policies) = 0;

  /// Decides and charges. Writes one decision per policy; only this subject interprets their marks.
  virtual bool Check(const Question& question, Nanos now, std::span<Decision> decisions) = 0;
  /// Whether Check would admit the call, with decisions as by WritePeekDecisions. Changes nothing.
  virtual bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) = 0;

  using Units = std::span<const std::int64_t>;  ///< one per policy, >= 0
  using Marks = std::span<const std::int64_t>;  ///< one per policy, from a Check; or empty

  virtual void Debit(Units units, Nanos now) = 0;
  virtual void Credit(Units units, Marks marks, Nanos now) = 0;
  /// Undoes the charge of a call that gave up waiting. Precondition: marks. False if some policy
  /// kept its charge because others wait behind it.
  virtual bool Abort(Units units, Marks marks, Nanos now) = 0;
  /// Whether all concurrency policies still had the holder's slot.
  virtual bool Release(HolderId holder, Nanos now) = 0;
  virtual bool Renew(HolderId holder, Nanos now) = 0;
  /// `which`: indexes of policies.
  virtual void Block(std::span<const std::size_t> which, Nanos span, Nanos now) = 0;
  virtual void Unblock(std::span<const std::size_t> which, Nanos now) = 0;
  /// Forgets the key under all current policies.
  virtual void Reset(Nanos now) = 0;

  /// Whether the store has no state of this policy any more, though it was charged. A store may
  /// only drop a state that equals a new one; it then stays dropped if the clock steps back. A
  /// store without eviction returns false.
  virtual bool Dropped(std::size_t /*policy*/, Nanos /*now*/) { return false; }
  /// The same for the block in that policy's state.
  virtual bool DroppedBlock(std::size_t /*policy*/, Nanos /*now*/) { return false; }
};

/// Policies by index, as one bit each.
inline PolicyBits BitsOf(std::span<const std::size_t> which) {
  PolicyBits bits = 0;
  for (const std::size_t i : which) bits |= PolicyBits{1} << i;
  return bits;
}

/// Makes a subject with a new key.
using MakeSubject = std::function<std::unique_ptr<Subject>()>;

}  // namespace sluice::testing
