// Turns what Redis says, or its silence, into verdicts.
#include "limiter/redis_limiter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "limiter/denial_cache.h"
#include "limiter/key_changes.h"
#include "local_fallback.h"
#include "redis_question.h"
#include "store/clock.h"

namespace sluice {
namespace {

using Kind = redis::Request::Kind;

// TATs in Redis are counted modulo this, so marks are too.
constexpr Nanos kModulus{9'000'000'000'000'000};

Moment MomentOf(Micros at) { return {.now = Nanos(at) % kModulus, .wall = at}; }

void Decide(Kind kind, const redis::PolicySet& set, std::span<const Ask> asks, Nanos max_wait,
            const redis::Completion& completion, Verdict& verdict) {
  const std::vector<Policy>& policies = set.policies();
  const Judgement judgement = Judge(policies, asks, completion.readings, max_wait);
  verdict.allowed = judgement.allowed;
  if (kind == Kind::kPeek) {
    DescribePeek(policies, asks, completion.readings, judgement, verdict.Decisions());
  } else {
    Describe(policies, asks, completion.readings, judgement, MomentOf(completion.at),
             verdict.Decisions());
  }
}

// The same for a check that was charged before under its id.
void DecideAgain(const redis::PolicySet& set, std::span<Ask> asks, Nanos max_wait,
                 const redis::Completion& completion, Verdict& verdict) {
  const redis::Repeat& repeat = *completion.repeat;
  const auto given =
      GivenThen(set.policies(), asks, repeat.readings, repeat.charged, MomentOf(repeat.at));
  ReduceAsks(repeat.again, asks);
  Decide(Kind::kCheck, set, asks, max_wait, completion, verdict);
  TellAgain(std::span(given).first(set.size()), completion.at - repeat.at, repeat.again,
            verdict.Decisions());
  verdict.repeated = true;
  verdict.slots_again = repeat.again != 0;
  verdict.holder = repeat.holder;
}

// The same for the checks that nearly all are. False if this is not one of them.
bool DecideQuickly(const redis::PolicySet& set, const Costs& costs,
                   const redis::Completion& completion, Verdict& verdict) {
  if (!set.plain()) return false;
  std::array<Nanos, kMaxPolicies> backlogs;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const Reading& reading = completion.readings[i];
    if (reading.blocked > Nanos{0}) return false;
    backlogs[i] = Nanos{reading.numbers[0]};
  }
  const auto all_costs = costs.Spread(set.size());
  verdict.allowed = DecideTats(set.policies(), std::span(all_costs).first(set.size()),
                               std::span(backlogs).first(set.size()),
                               Nanos(completion.at) % kModulus, verdict.Decisions());
  return true;
}

}  // namespace

// Remembers what was asked until it is answered. Outlives the limiter while questions are under
// way.
class RedisLimiter::Desk final : public redis::Sink, public std::enable_shared_from_this<Desk> {
 public:
  Desk(const Options& options, std::shared_ptr<const redis::PolicySet> set,
       std::shared_ptr<AnswerSink> answers)
      : set_(std::move(set)),
        answers_to_(std::move(answers)),
        rule_(options.on_store_error),
        ids_(options.ids) {
    if (rule_ == StoreErrorRule::kLocal) {
      local_.emplace(options.local_policies, options.local_share, options.local, options.prefix,
                     options.ids);
    }
    if (options.denial_cache && DenialCache::Suits(options.policies)) {
      denials_.emplace(options.policies);
    }
  }

  /// What goes to Redis. What this process does alone is answered here.
  std::vector<redis::Request> Open(std::span<Question> questions, Nanos now, Nanos deadline) {
    std::vector<redis::Request> requests;
    std::vector<Pending> opened;
    requests.reserve(questions.size());
    opened.reserve(questions.size());
    const std::shared_ptr<redis::Sink> self = shared_from_this();
    // Long keys take their time: not while the I/O thread waits for the lock.
    for (Question& question : questions) {
      if (question.details && question.details->charged_by == Source::kLocal) {
        Answer answer;
        answer.ticket = question.ticket;
        if (local_) {
          answer.done = local_->Do(question, local_->KeysOf(question), local_clock_.Now());
        }
        answers_to_->Deliver({&answer, 1});
        continue;
      }
      const redis::EscapedKey key(question.key);
      if (!Decides(question.kind)) NoteChange(question, key);
      const KeyChanges::Tick tick = changes_.now();
      if (AnswerFromDenials(question, key, now)) continue;
      Pending& pending = opened.emplace_back();
      pending.tick = tick;
      if (local_) {
        pending.keys = local_->KeysOf(question);
        local_->Follow(question, pending.keys, local_clock_.Now());
      }
      requests.push_back({.kind = question.kind,
                          .route = {},
                          .set = set_,
                          .key = key,
                          .costs = question.costs,
                          .details = RedisDetails(question, *set_, ids_),
                          .deadline = now + (Decides(question.kind) ? deadline : kLastingDeadline),
                          .sink = self,
                          .asked = now});
      pending.question = std::move(question);
      pending.key = key;
      pending.asked = now;
    }
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < opened.size(); ++i) {
      requests[i].ticket = TakeSlot();
      pending_[requests[i].ticket] = std::move(opened[i]);
    }
    return requests;
  }

  void Deliver(std::span<redis::Completion> completions) override {
    if (answers_.size() < completions.size()) answers_.resize(completions.size());
    Close(completions);
    for (std::size_t i = 0; i < completions.size(); ++i) {
      redis::Completion& completion = completions[i];
      const Pending& pending = closed_[i];
      // It may have been done, whatever the answer: nobody is told before it is noted.
      if (!Decides(pending.question.kind)) NoteChange(pending.question, pending.key);
      MakeAnswer(completion, pending, answers_[i]);
    }
    answers_to_->Deliver(std::span(answers_).first(completions.size()));
    closed_.clear();
  }

 private:
  struct Pending {
    Question question;
    redis::EscapedKey key;  // the question's
    LocalFallback::Keys keys;
    KeyChanges::Tick tick = 0;  // KeyChanges::now before it was sent
    Nanos asked{0};
  };

  /// What this process changes must not be denied by what was before; in all limiters. `key`: the
  /// question's.
  void NoteChange(const Question& question, const redis::EscapedKey& key) const {
    if (!question.details || question.details->keys.empty()) return changes_.Note(key.view());
    for (const std::string& one : question.details->keys) {
      changes_.Note(redis::EscapedKey(one).view());
    }
  }

  KeyChanges::Tick LatestChange(const Question& question, const redis::EscapedKey& key) const {
    if (!question.details || question.details->keys.empty()) return changes_.Latest(key.view());
    KeyChanges::Tick latest = 0;
    for (const std::string& one : question.details->keys) {
      latest = std::max(latest, changes_.Latest(redis::EscapedKey(one).view()));
    }
    return latest;
  }

  /// Answers a check by a denial of a moment ago, if there is one for it. `key`: the question's.
  bool AnswerFromDenials(const Question& question, const redis::EscapedKey& key, Nanos now) {
    if (!denials_ || question.kind != Kind::kCheck) return false;
    std::string buffer;
    const std::string_view who = CallerOf(question, key, buffer);
    if (!denials_->MayHold(who, now)) return false;
    if (!IsCommon(question)) {
      // If it is admitted, what was denied is no longer all there is to tell.
      denials_->Forget(who);
      return false;
    }
    const auto asks = AsksOf(question, set_->size());
    Answer answer;
    if (!denials_->Answer(who, std::span(asks).first(set_->size()), LatestChange(question, key),
                          now, answer.verdict)) {
      return false;
    }
    answer.ticket = question.ticket;
    answer.decided = true;
    answers_to_->Deliver({&answer, 1});
    return true;
  }

  void KeepDenial(const redis::Completion& completion, const Pending& pending,
                  const Verdict& verdict) {
    const Question& question = pending.question;
    if (!denials_ || question.kind != Kind::kCheck || !IsCommon(question)) return;
    std::string buffer;
    const auto asks = AsksOf(question, set_->size());
    denials_->Keep(CallerOf(question, pending.key, buffer),
                   {.asks = std::span(asks).first(set_->size()),
                    .readings = completion.readings,
                    .decisions = verdict.Decisions(),
                    .tick = pending.tick,
                    .asked = pending.asked,
                    .told = clock_.Now()});
  }

  std::uint64_t TakeSlot() {
    if (free_.empty()) {
      pending_.emplace_back();
      return pending_.size() - 1;
    }
    const std::uint64_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  /// Moves to `closed_` what these completions answer.
  void Close(std::span<const redis::Completion> completions) {
    closed_.reserve(completions.size());
    const std::scoped_lock lock(mutex_);
    for (const redis::Completion& completion : completions) {
      free_.push_back(completion.ticket);
      closed_.push_back(std::move(pending_[completion.ticket]));
    }
  }

  void MakeAnswer(redis::Completion& completion, const Pending& pending, Answer& answer) {
    Verdict& verdict = answer.verdict;
    answer.ticket = pending.question.ticket;
    answer.fault = completion.fault;
    answer.detail = std::move(completion.detail);
    answer.done = completion.done;
    answer.id_reused = completion.id_reused;
    // The rule is for when Redis fails, not for a call that it could never answer.
    const bool by_rule =
        rule_ != StoreErrorRule::kThrow && answer.fault != redis::Fault::kCrossSlot;
    answer.decided = Decides(pending.question.kind) && !answer.id_reused &&
                     (answer.fault == redis::Fault::kNone || by_rule);
    verdict.count = 0;
    verdict.repeated = false;
    if (!answer.decided) return;
    if (answer.fault == redis::Fault::kNone) {
      DecideByStore(completion, pending.question, verdict);
      if (!verdict.allowed) KeepDenial(completion, pending, verdict);
    } else if (rule_ == StoreErrorRule::kLocal) {
      answer.id_reused =
          !local_->Decide(pending.question, pending.keys, local_clock_.Now(), verdict);
      answer.decided = !answer.id_reused;
      verdict.source = Source::kLocal;
    } else {
      verdict.allowed = rule_ == StoreErrorRule::kAllow;
      verdict.source = verdict.allowed ? Source::kAllow : Source::kDeny;
    }
  }

  void DecideByStore(const redis::Completion& completion, const Question& question,
                     Verdict& verdict) const {
    const std::size_t count = set_->size();
    verdict.source = Source::kStore;
    verdict.count = static_cast<std::uint8_t>(count);
    verdict.repeated = false;
    const bool plain = !question.details && question.kind == Kind::kCheck;
    if (!plain || !DecideQuickly(*set_, question.costs, completion, verdict)) {
      auto all_asks = AsksOf(question, count);
      const std::span asks = std::span(all_asks).first(count);
      const Nanos max_wait = question.details ? question.details->max_wait : kNoWait;
      if (completion.repeat) {
        DecideAgain(*set_, asks, max_wait, completion, verdict);
      } else {
        Decide(question.kind, *set_, asks, max_wait, completion, verdict);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      // Now and a backlog pass the modulus once.
      std::int64_t& mark = verdict.decisions[i].mark;
      if (IsTat(set_->policies()[i].algorithm)) mark %= kModulus.count();
    }
    verdict.Bind();
  }

  const std::shared_ptr<const redis::PolicySet> set_;
  const std::shared_ptr<AnswerSink> answers_to_;
  const StoreErrorRule rule_;
  const IdScope ids_;
  const MonotonicClock clock_;   // of deadlines and denials
  const BootClock local_clock_;  // of the local store
  KeyChanges& changes_ = KeyChanges::OfProcess();
  std::optional<LocalFallback> local_;
  std::optional<DenialCache> denials_;

  /// Kept from batch to batch: making an answer costs more than filling one in. Only Deliver uses
  /// these two, and the gateway calls that from one thread at a time.
  std::vector<Answer> answers_;
  std::vector<Pending> closed_;

  std::mutex mutex_;
  std::vector<Pending> pending_;
  std::vector<std::uint64_t> free_;
};

RedisLimiter::RedisLimiter(const Options& options, std::shared_ptr<redis::Gateway> gateway,
                           std::shared_ptr<AnswerSink> answers)
    : set_(std::make_shared<redis::PolicySet>(options.policies, options.prefix)),
      gateway_(std::move(gateway)),
      deadline_(options.deadline),
      desk_(std::make_shared<Desk>(options, set_, std::move(answers))) {
  const auto put_up = [this](redis::Notice&& notice) {
    notices_.push_back(std::make_shared<const redis::Notice>(std::move(notice)));
    gateway_->PutUp(notices_.back());
  };
  if (!options.description.empty()) {
    redis::Notice notice{.name = {}, .text = options.description};
    redis::AppendMetaName(options.prefix, notice.text, notice.name);
    put_up(std::move(notice));
  }
  std::string prefix;
  redis::AppendEscapedPrefix(options.prefix, prefix);
  for (const auto& [policy, numbers] : options.numbers) {
    redis::Notice notice{.name = {}, .text = numbers};
    redis::AppendPolicyName(options.prefix, policy, notice.name);
    notice.policy.append("policy '").append(policy).append("' under the prefix '");
    notice.policy.append(prefix).append("'");
    put_up(std::move(notice));
  }
}

RedisLimiter::~RedisLimiter() = default;

void RedisLimiter::Submit(std::span<Question> questions, Nanos now) {
  gateway_->Submit(desk_->Open(questions, now, deadline_));
}

}  // namespace sluice
