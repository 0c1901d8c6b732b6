// A key under several policies with all their options, by DESIGN.md: the plain model that stores
// are compared with.
#pragma once

#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "support/reference_states.h"
#include "support/subject.h"

namespace sluice::testing {

/// Finds waits by trying times, and remaining units by trying costs. So both are right if the
/// states admit the right calls.
class ReferenceKey final : public Subject {
 public:
  Nanos tick() const override { return Nanos{1}; }
  void Use(const std::vector<Policy>& policies) override;
  bool Check(const Question& question, Nanos now, std::span<Decision> decisions) override;
  bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) override;
  void Debit(Units units, Nanos now) override;
  void Credit(Units units, Marks marks, Nanos now) override;
  bool Abort(Units units, Marks marks, Nanos now) override;
  bool Release(HolderId holder, Nanos now) override;
  bool Renew(HolderId holder, Nanos now) override;
  /// Whether the holder has a slot under a concurrency policy.
  bool Holds(std::size_t policy, HolderId holder, Nanos now);
  void Block(std::span<const std::size_t> which, Nanos span, Nanos now) override;
  void Unblock(std::span<const std::size_t> which, Nanos now) override;
  void Reset(Nanos now) override;

  /// Forgets the state under one policy.
  void Forget(std::size_t policy);

 private:
  struct Entry {
    std::variant<ReferenceVessel, ReferenceFixedWindow, ReferenceSlidingWindow, ReferenceLog,
                 ReferenceSlots>
        state;
    Nanos blocked_until{0};

    bool Blocked(Nanos now) const { return now < blocked_until; }
  };

  Entry& EntryOf(std::size_t policy);
  Decision Describe(std::size_t policy, const Question& question, bool admits, Nanos now);

  std::vector<Policy> policies_;
  std::map<std::string, Entry> entries_;  // by name and state tag
};

}  // namespace sluice::testing
