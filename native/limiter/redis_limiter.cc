// Turns what Redis says, or its silence, into verdicts.
#include "limiter/redis_limiter.h"

#include <optional>
#include <utility>

#include "store/clock.h"

namespace sluice {

// Remembers what was asked until it is answered. Outlives the limiter while questions are under
// way.
class RedisLimiter::Desk final : public redis::Sink, public std::enable_shared_from_this<Desk> {
 public:
  explicit Desk(const Options& options)
      : policies_(options.policies), rule_(options.on_store_error) {
    if (rule_ == StoreErrorRule::kLocal) {
      local_.emplace(options.policies, options.local, options.prefix);
    }
  }

  std::vector<redis::Request> Open(std::vector<Question>&& questions,
                                   const std::shared_ptr<const redis::PolicySet>& set,
                                   Nanos deadline, const std::shared_ptr<AnswerSink>& sink) {
    std::vector<redis::Request> requests;
    requests.reserve(questions.size());
    const std::shared_ptr<redis::Sink> self = shared_from_this();
    std::vector<KeyHash> hashes;
    if (local_) hashes.reserve(questions.size());
    // Long keys take their time: not while the I/O thread waits for the lock.
    for (const Question& question : questions) {
      if (local_) hashes.push_back(local_->Hash(question.key));
      requests.push_back({.kind = question.kind,
                          .set = set,
                          .key = redis::EscapedKey(question.key),
                          .costs = question.costs,
                          .deadline = deadline,
                          .sink = self});
    }
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const Question& question = questions[i];
      const std::uint64_t slot = TakeSlot();
      Pending& pending = pending_[slot];
      pending.kind = question.kind;
      pending.costs = question.costs;
      pending.ticket = question.ticket;
      pending.sink = sink;
      if (local_) {
        pending.key = hashes[i];
        if (question.kind == redis::Request::Kind::kReset) local_->Reset(pending.key);
      }
      requests[i].ticket = slot;
    }
    return requests;
  }

  void Deliver(std::span<redis::Completion> completions) override {
    // One batch holds the answers of one thread, or nearly always: hand on each run of one sink.
    std::shared_ptr<AnswerSink> sink;
    std::size_t count = 0;
    const auto hand_on = [&] {
      if (count > 0) sink->Deliver(std::span(answers_).first(count));
      count = 0;
    };
    if (answers_.size() < completions.size()) answers_.resize(completions.size());
    for (redis::Completion& completion : completions) {
      Pending pending = Close(completion.ticket);
      if (pending.sink != sink) {
        hand_on();
        sink = std::move(pending.sink);
      }
      Answer& answer = answers_[count++];
      answer.ticket = pending.ticket;
      Decide(completion, pending, answer);
    }
    hand_on();
  }

 private:
  struct Pending {
    redis::Request::Kind kind = redis::Request::Kind::kCheck;
    KeyHash key;
    std::array<std::int64_t, kMaxPolicies> costs{};
    std::uint64_t ticket = 0;
    std::shared_ptr<AnswerSink> sink;
  };

  std::uint64_t TakeSlot() {
    if (free_.empty()) {
      pending_.emplace_back();
      return pending_.size() - 1;
    }
    const std::uint64_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  Pending Close(std::uint64_t slot) {
    const std::scoped_lock lock(mutex_);
    free_.push_back(slot);
    return std::exchange(pending_[slot], Pending{});
  }

  void Decide(redis::Completion& completion, const Pending& pending, Answer& answer) const {
    Verdict& verdict = answer.verdict;
    const std::size_t count = policies_.size();
    const std::span costs(pending.costs.data(), count);
    answer.fault = completion.fault;
    answer.detail = std::move(completion.detail);
    verdict.count = 0;
    answer.decided = false;
    if (pending.kind == redis::Request::Kind::kReset) return;
    answer.decided = answer.fault == redis::Fault::kNone || rule_ != StoreErrorRule::kThrow;
    if (!answer.decided) return;
    if (answer.fault == redis::Fault::kNone) {
      verdict.source = Source::kStore;
      verdict.count = static_cast<std::uint8_t>(count);
      verdict.allowed = DecideTats(policies_, costs, std::span(completion.backlogs).first(count),
                                   verdict.Decisions());
      verdict.binding = static_cast<std::uint8_t>(BindingPolicy(verdict.Decisions()));
      return;
    }
    if (rule_ == StoreErrorRule::kLocal) {
      const Nanos now = clock_.Now();
      if (pending.kind == redis::Request::Kind::kCheck) {
        local_->Check(pending.key, costs, now, verdict);
      } else {
        local_->Peek(pending.key, costs, now, verdict);
      }
      verdict.source = Source::kLocal;
      return;
    }
    verdict.allowed = rule_ == StoreErrorRule::kAllow;
    verdict.source = verdict.allowed ? Source::kAllow : Source::kDeny;
  }

  const std::vector<Policy> policies_;
  const StoreErrorRule rule_;
  const MonotonicClock clock_;
  std::optional<MemoryLimiter> local_;

  /// Kept from batch to batch: making an answer costs more than filling one in. Only Deliver uses
  /// it, and the client calls that from one thread at a time.
  std::vector<Answer> answers_;

  std::mutex mutex_;
  std::vector<Pending> pending_;
  std::vector<std::uint64_t> free_;
};

RedisLimiter::RedisLimiter(const Options& options, std::shared_ptr<redis::Client> client)
    : set_(std::make_shared<redis::PolicySet>(options.policies, options.prefix)),
      client_(std::move(client)),
      deadline_(options.deadline),
      desk_(std::make_shared<Desk>(options)) {}

RedisLimiter::~RedisLimiter() = default;

void RedisLimiter::Submit(std::vector<Question>&& questions, Nanos now,
                          const std::shared_ptr<AnswerSink>& sink) {
  client_->Submit(desk_->Open(std::move(questions), set_, now + deadline_, sink));
}

}  // namespace sluice
