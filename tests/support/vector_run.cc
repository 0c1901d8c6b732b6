// The steps of a vector, run on a subject.
#include "support/policies.h"
#include "support/vectors.h"

namespace sluice::testing {
namespace {

using Op = VectorStep::Op;

// A different one for each step.
HolderId HolderOf(std::size_t step) { return {.high = 1, .low = step + 1}; }

class Run {
 public:
  Run(const Vector& vector, Subject& subject) : vector_(vector), subject_(subject) {}

  std::string All() {
    subject_.Use(vector_.policies);
    for (at_ = 0; at_ < vector_.steps.size(); ++at_) {
      marks_.emplace_back();
      Take(vector_.steps[at_]);
    }
    return differs_;
  }

 private:
  void Take(const VectorStep& step) {
    switch (step.op) {
      case Op::kCheck:
      case Op::kPeek:
        return Ask(step);
      case Op::kDebit:
        return subject_.Debit(step.units, step.now);
      case Op::kCredit:
        return subject_.Credit(step.units, MarksOf(step), step.now);
      case Op::kAbort:
        return void(subject_.Abort(step.units, MarksOf(step), step.now));
      case Op::kRelease:
        return Expect(subject_.Release(HolderOf(*step.of), step.now), step.done, "released");
      case Op::kRenew:
        return Expect(subject_.Renew(HolderOf(*step.of), step.now), step.done, "renewed");
      case Op::kBlock:
        return subject_.Block(step.which, step.span, step.now);
      case Op::kUnblock:
        return subject_.Unblock(step.which, step.now);
      case Op::kReset:
        return subject_.Reset(step.now);
      case Op::kUse:
        return subject_.Use(step.policies);
    }
  }

  void Ask(const VectorStep& step) {
    const Subject::Question question{
        .asks = step.asks, .max_wait = step.max_wait, .holder = HolderOf(at_)};
    std::vector<Decision> told(step.decisions.size());
    const bool allowed = step.op == Op::kCheck ? subject_.Check(question, step.now, told)
                                               : subject_.Peek(question, step.now, told);
    Expect(allowed, step.allowed, "allowed");
    for (std::size_t i = 0; i < told.size(); ++i) {
      marks_.back().push_back(told[i].mark);
      told[i].blocked = step.decisions[i].blocked;  // The files do not say it.
      if (Same(told[i], step.decisions[i])) continue;
      Differs("policy " + std::to_string(i) + "\n  told:     " + Text(told[i]) +
              "\n  expected: " + Text(step.decisions[i]));
    }
  }

  Subject::Marks MarksOf(const VectorStep& step) const {
    return step.of ? Subject::Marks(marks_[*step.of]) : Subject::Marks();
  }

  void Expect(bool told, bool expected, const char* what) {
    if (told != expected) Differs(std::string(expected ? "not " : "") + what);
  }
  void Differs(const std::string& what) {
    differs_ +=
        vector_.file + ": " + vector_.name + ": step " + std::to_string(at_) + ": " + what + "\n";
  }

  const Vector& vector_;
  Subject& subject_;
  std::size_t at_ = 0;
  std::vector<std::vector<std::int64_t>> marks_;  // of each step so far
  std::string differs_;
};

}  // namespace

std::string RunVector(const Vector& vector, Subject& subject) { return Run(vector, subject).All(); }

std::string RunAllVectors(const MakeSubject& make) {
  std::string differs;
  for (const Vector& vector : AllVectors()) {
    const std::unique_ptr<Subject> subject = make();
    if (vector.ns_only && subject->tick() > Nanos{1}) continue;
    differs += RunVector(vector, *subject);
  }
  return differs;
}

}  // namespace sluice::testing
