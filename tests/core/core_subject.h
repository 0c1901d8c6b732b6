// One key straight over the core: what a store does, without table, threads or network.
#pragma once

#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "support/subject.h"

namespace sluice::testing {

/// Decides by Judge and Describe. Where DecideTats may stand in for them it is asked too, and
/// std::logic_error thrown if it answers otherwise.
class CoreSubject final : public Subject {
 public:
  Nanos tick() const override { return Nanos{1}; }
  void Use(const std::vector<Policy>& policies) override { policies_ = policies; }
  bool Check(const Question& question, Nanos now, std::span<Decision> decisions) override;
  bool Peek(const Question& question, Nanos now, std::span<Decision> decisions) override;
  void Debit(Units units, Nanos now) override;
  void Credit(Units units, Marks marks, Nanos now) override;
  bool Abort(Units units, Marks marks, Nanos now) override;
  bool Release(HolderId holder, Nanos now) override;
  bool Renew(HolderId holder, Nanos now) override;
  void Block(std::span<const std::size_t> which, Nanos span, Nanos now) override;
  void Unblock(std::span<const std::size_t> which, Nanos now) override;
  void Reset(Nanos now) override;

 private:
  using State = std::variant<Nanos, FixedWindow::State, SlidingWindow::State, SlidingLog::State,
                             Concurrency::State>;
  struct Entry {
    State state;
    Nanos blocked_until{0};
  };

  Entry& EntryOf(const Policy& policy);
  std::vector<Reading> ReadAll(const Question& question, Nanos now);
  Judgement Decide(const Question& question, std::span<const Reading> readings, Nanos now,
                   std::span<Decision> decisions);
  bool GiveBack(const Policy& policy, std::int64_t units, const std::int64_t* mark, bool aborted,
                Nanos now);
  bool ForEachSlots(bool (*change)(const Concurrency&, Concurrency::State&, HolderId, Micros),
                    HolderId holder, Nanos now);

  std::vector<Policy> policies_;
  std::map<std::string, Entry> entries_;  // by name and state tag
};

}  // namespace sluice::testing
