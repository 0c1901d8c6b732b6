// A key under several policies with all their options, as DESIGN.md tells it: the plain model that
// stores are held against.
#pragma once

#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "support/reference_states.h"
#include "support/subject.h"

namespace sluice::testing {

/// Waits are found by trying moments, what remains by trying costs; so both are what they are
/// called as long as the states admit what they should.
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
  /// Whether the holder has a slot under a policy that gives slots.
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
