// Random traces.
#include "support/trace_run.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "support/policies.h"
#include "support/random_policy.h"
#include "support/reference_key.h"
#include "support/trace.h"
#include "support/trace_probe.h"

namespace sluice::testing {
namespace {

constexpr int kStepsPerTrace = 100;
constexpr std::size_t kMostTold = 12;  // steps shown before a difference

// The charge of an admitted check, as far as it can still be given back.
struct Charge {
  HolderId holder;
  std::vector<std::int64_t> left;
  std::vector<std::int64_t> marks;        // the subject's
  std::vector<std::int64_t> model_marks;  // the model's
};

enum class Against { kModels, kPromises };

class Trace {
 public:
  Trace(Random& random, const MakeSubject& make, Against against, TraceCounts& counts)
      : random_(random),
        subject_(make()),
        against_(against),
        counts_(counts),
        clock_(random, DrawPolicies()) {
    Use();
  }

  std::string Run(int steps) {
    for (int i = 0; i < steps && differs_.empty(); ++i) {
      ++counts_.steps;
      FollowDrops(clock_.now());
      const Nanos before = clock_.now();
      Step(before);
      Agree(before);
      clock_.Step(random_, told_);
      counts_.went_back += clock_.now() < before ? 1 : 0;
    }
    return differs_;
  }

 private:
  // Draws the policies. Returns the finest clock step that they distinguish.
  Nanos DrawPolicies() {
    fine_ = subject_->tick() < Micros{1} && random_.OneIn(4);
    for (std::int64_t i = random_.Between(1, random_.OneIn(3) ? 4 : 2); i > 0; --i) {
      const std::string name = "p" + std::to_string(i);
      policies_.push_back(fine_ ? RandomTatPolicy(random_, name)
                                : RandomMixedPolicy(random_, name));
    }
    return fine_ ? subject_->tick() : Micros{1};
  }

  void Use() {
    subject_->Use(policies_);
    model_.Use(policies_);
    charges_.clear();
    told_.assign(policies_.size(), Decision{});
    modelled_ = told_;
    std::string text = "policies:";
    for (const Policy& policy : policies_) text += "\n    " + Text(policy);
    notes_.assign(1, text);  // a failing trace is shown from here
  }

  // Makes the model forget states that the subject has dropped: they must not matter any more.
  void FollowDrops(Nanos now) {
    const std::vector<Decision> before = Modelled(now);
    for (std::size_t p = 0; p < policies_.size(); ++p) {
      if (subject_->DroppedBlock(p, now)) model_.Unblock({{p}}, now);
      if (subject_->Dropped(p, now)) model_.Forget(p);
    }
    const std::vector<Decision> after = Modelled(now);
    for (std::size_t p = 0; p < policies_.size(); ++p) {
      if (Same(before[p], after[p])) continue;
      Disagree("policy " + std::to_string(p) + " was dropped at " + std::to_string(now.count()) +
               " though it still meant " + Text(before[p]));
    }
  }

  void Step(Nanos now) {
    if (!fine_ && random_.OneIn(50)) {
      for (Policy& policy : policies_) {
        if (random_.OneIn(2)) policy = RandomSuccessor(random_, policy);
      }
      return Use();
    }
    if (!random_.OneIn(5)) return Ask(now);
    ++counts_.operations;
    clock_.Floor();
    switch (random_.Between(0, 7)) {
      case 0:
        return Debit(now);
      case 1:
      case 2:
      case 3:
        return GiveBack(now);
      case 4:
      case 5:
        return Slots(now);
      case 6:
        return Block(now);
      default:
        if (!random_.OneIn(3)) return Ask(now);
        Note(At(now) + "reset");
        subject_->Reset(now);
        model_.Reset(now);
        charges_.clear();
    }
  }

  void Ask(Nanos now) {
    Subject::Question question{.asks = {}, .holder = {.high = 7, .low = ++holders_}};
    std::string text;
    for (const Policy& policy : policies_) {
      sluice::Ask ask;
      if (random_.OneIn(8)) ask.limit = RandomLimit(random_, policy);
      ask.cost =
          RandomCost(random_, ask.limit != kOwnLimit ? ask.limit : LimitOf(policy.algorithm));
      question.asks.push_back(ask);
      text += " " + std::to_string(ask.cost);
      if (ask.limit != kOwnLimit) text += "/" + std::to_string(ask.limit);
    }
    if (random_.OneIn(8)) {
      question.max_wait =
          random_.OneIn(3) ? Nanos{0} : Nanos{random_.Magnitude(kLongestSpan.count())};
      text += " waiting up to " + std::to_string(question.max_wait.count());
    }
    const bool peeks = random_.OneIn(10);
    Note(At(now) + (peeks ? "peek" : "check") + text);

    const bool probes = against_ == Against::kPromises;
    Probe probe(*subject_, policies_, question, now, clock_.tick());
    if (probes) probe.Before();
    const bool allowed =
        peeks ? subject_->Peek(question, now, told_) : subject_->Check(question, now, told_);
    const bool expected =
        peeks ? model_.Peek(question, now, modelled_) : model_.Check(question, now, modelled_);
    if (allowed != expected) Disagree(allowed ? "allowed by the subject alone" : "denied by it");
    Compare(told_, modelled_);
    if (probes) {
      const auto call = peeks     ? Probe::Call::kPeek
                        : allowed ? Probe::Call::kAdmitted
                                  : Probe::Call::kDenied;
      if (const std::string broken = probe.After(random_, told_, call); !broken.empty()) {
        Differ(broken);
      }
    }
    Count(allowed);
    if (!peeks && allowed) Remember(question);
  }

  // Compares the units left in both.
  void Agree(Nanos now) {
    if (against_ != Against::kModels) return;
    std::vector<Decision> told(policies_.size());
    subject_->Peek(Costless(), now, told);
    Compare(told, Modelled(now));
  }

  Subject::Question Costless() const {
    return {.asks = std::vector<sluice::Ask>(policies_.size()), .holder = {.high = 7, .low = 0}};
  }
  // The units left in the model.
  std::vector<Decision> Modelled(Nanos now) {
    std::vector<Decision> decisions(policies_.size());
    model_.Peek(Costless(), now, decisions);
    return decisions;
  }

  void Compare(std::span<const Decision> told, std::span<const Decision> modelled) {
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      if (Same(told[i], modelled[i])) continue;
      Disagree("policy " + std::to_string(i) + "\n  subject: " + Text(told[i]) +
               "\n  model:   " + Text(modelled[i]));
    }
  }

  void Count(bool allowed) {
    (allowed ? counts_.admitted : counts_.denied) += 1;
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      counts_.delayed += told_[i].delay > Nanos{0} ? 1 : 0;
      if (told_[i].allowed || told_[i].retry_after == kNever) continue;
      ++counts_.waits;
      counts_.blocks += policies_[i].block_for > Nanos{0} ? 1 : 0;
    }
  }

  void Remember(const Subject::Question& question) {
    Charge charge{.holder = question.holder, .left = {}, .marks = {}, .model_marks = {}};
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      charge.left.push_back(told_[i].allowed ? question.asks[i].cost : 0);
      charge.marks.push_back(told_[i].mark);
      charge.model_marks.push_back(modelled_[i].mark);
    }
    charges_.push_back(std::move(charge));
  }

  Charge* AnyCharge() {
    if (charges_.empty()) return nullptr;
    // Mostly one of the last charges.
    const auto most = static_cast<std::int64_t>(charges_.size()) - 1;
    return &charges_[static_cast<std::size_t>(most - random_.Between(0, std::min(most, {4})))];
  }

  std::vector<std::int64_t> DrawUnits(std::string& text) {
    std::vector<std::int64_t> units;
    for (const Policy& policy : policies_) {
      units.push_back(random_.OneIn(3) ? 0 : RandomCost(random_, LimitOf(policy.algorithm)));
      text += " " + std::to_string(units.back());
    }
    return units;
  }

  void Debit(Nanos now) {
    std::string text = At(now) + "debit";
    const std::vector<std::int64_t> units = DrawUnits(text);
    Note(text);
    subject_->Debit(units, now);
    model_.Debit(units, now);
  }

  void GiveBack(Nanos now) {
    Charge* charge = AnyCharge();
    std::string text;
    if (charge == nullptr || random_.OneIn(5)) {
      const std::vector<std::int64_t> units = DrawUnits(text);
      Note(At(now) + "credit" + text);
      charges_.clear();  // the rest of them is unknown now
      subject_->Credit(units, {}, now);
      model_.Credit(units, {}, now);
      return;
    }
    std::vector<std::int64_t> units;
    for (std::int64_t& left : charge->left) {
      units.push_back(random_.OneIn(2) ? left : random_.Between(0, left));
      left -= units.back();
      text += " " + std::to_string(units.back());
    }
    text += " of " + std::to_string(charge->holder.low);
    if (random_.OneIn(2)) {
      Note(At(now) + "credit" + text);
      subject_->Credit(units, charge->marks, now);
      model_.Credit(units, charge->model_marks, now);
    } else {
      Note(At(now) + "abort" + text);
      const bool given_back = subject_->Abort(units, charge->marks, now);
      const bool expected = model_.Abort(units, charge->model_marks, now);
      if (given_back != expected) Disagree(given_back ? "given back by the subject alone" : "kept");
    }
  }

  void Slots(Nanos now) {
    const Charge* charge = AnyCharge();
    const HolderId holder =
        charge == nullptr || random_.OneIn(10) ? HolderId{.high = 8, .low = 1} : charge->holder;
    const bool renews = random_.OneIn(2);
    Note(At(now) + (renews ? "renew " : "release ") + std::to_string(holder.low));
    const bool done = renews ? subject_->Renew(holder, now) : subject_->Release(holder, now);
    const bool expected = renews ? model_.Renew(holder, now) : model_.Release(holder, now);
    if (done != expected) Disagree(done ? "done by the subject alone" : "not done by it");
  }

  void Block(Nanos now) {
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      if (random_.OneIn(2)) which.push_back(i);
    }
    if (random_.OneIn(2)) {
      Note(At(now) + "unblock " + std::to_string(which.size()));
      subject_->Unblock(which, now);
      model_.Unblock(which, now);
      return;
    }
    const Nanos span = Micros{random_.Magnitude(10'000'000)};
    Note(At(now) + "block " + std::to_string(which.size()) + " for " +
         std::to_string(span.count()));
    subject_->Block(which, span, now);
    model_.Block(which, span, now);
  }

  static std::string At(Nanos now) { return "at " + std::to_string(now.count()) + " "; }
  void Note(std::string step) {
    notes_.push_back(std::move(step));
    if (notes_.size() > kMostTold) notes_.erase(notes_.begin() + 1);
  }
  void Disagree(const std::string& what) {
    if (against_ == Against::kModels) Differ("property 5, agrees with the model: " + what);
  }
  void Differ(const std::string& what) {
    if (differs_.empty()) {
      for (const std::string& note : notes_) differs_ += note + "\n";
    }
    differs_ += "-> " + what + "\n";
  }

  Random& random_;
  std::unique_ptr<Subject> subject_;
  Against against_;
  TraceCounts& counts_;
  bool fine_ = false;  // a clock of nanoseconds, and only policies that distinguish them
  std::vector<Policy> policies_;
  TraceClock clock_;
  ReferenceKey model_;
  std::vector<Decision> told_;
  std::vector<Decision> modelled_;
  std::vector<Charge> charges_;
  std::uint64_t holders_ = 0;
  std::vector<std::string> notes_;
  std::string differs_;
};

std::string RunAll(Random& random, int steps, const MakeSubject& make, Against against,
                   TraceCounts& counts) {
  for (int done = 0; done < steps; done += kStepsPerTrace) {
    const std::string differs =
        Trace(random, make, against, counts).Run(std::min(kStepsPerTrace, steps - done));
    if (!differs.empty()) return "step " + std::to_string(counts.steps) + "\n" + differs;
  }
  return "";
}

}  // namespace

std::string RunTraces(Random& random, int steps, const MakeSubject& make, TraceCounts& counts) {
  return RunAll(random, steps, make, Against::kModels, counts);
}

std::string RunPromises(Random& random, int steps, const MakeSubject& make, TraceCounts& counts) {
  return RunAll(random, steps, make, Against::kPromises, counts);
}

}  // namespace sluice::testing
