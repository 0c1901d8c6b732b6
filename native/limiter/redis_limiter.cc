#include "limiter/redis_limiter.h"

#include <utility>

#include "denial_answerer.h"
#include "id_digests.h"
#include "limiter/redis_decide.h"
#include "local_fallback.h"
#include "request_keys.h"

namespace sluice {

// Makes answers of completions. Outlives the limiter while requests are in flight.
class RedisLimiter::Core final : public redis::Sink {
 public:
  Core(const Options& options, std::shared_ptr<AnswerSink> answers)
      : answers_to_(std::move(answers)), rule_(options.on_store_error), changes_(options.changes) {
    if (rule_ == StoreErrorRule::kLocal) {
      fallback_.emplace(options.local_policies, options.local_share, options.local,
                        options.local_clock, options.prefix, options.ids);
      answerers_.push_back(&*fallback_);
    }
    if (options.denial_cache && DenialCache::Suits(options.policies)) {
      denials_.emplace(options.policies, options.clock, changes_);
      answerers_.push_back(&*denials_);
    }
  }

  bool AnswerHere(redis::Request& request, Answer& answer) {
    answer.ticket = request.ticket;
    answer.fault = redis::Fault::kNone;
    answer.decided = request.decides();
    answer.result.Open(0);
    // Redis knows nothing of these.
    const bool charged_locally = request.options && request.options->charged_locally;
    if (!request.decides() && !charged_locally) NoteChange(request);
    request.changes_seen = changes_->now();
    answer.held_policies = 0;
    for (LocalAnswerer* const answerer : answerers_) {
      if (!answerer->Answer(request, answer.result)) continue;
      SetHold(request, answer);
      return true;
    }
    // A rule without a store of its own knows no reservation.
    if (request.is_of_reservation()) answer.result.hold = HoldOutcome::kUnknown;
    SetHold(request, answer);
    return charged_locally;
  }

  void Deliver(std::span<redis::Finished> finished) override {
    if (answers_.size() < finished.size()) answers_.resize(finished.size());
    for (std::size_t i = 0; i < finished.size(); ++i) {
      // An answer of any kind may follow a change, so it is noted before the caller gets the
      // answer.
      if (!finished[i].request.decides()) NoteChange(finished[i].request);
      MakeAnswer(finished[i], answers_[i]);
    }
    answers_to_->Deliver(std::span(answers_).first(finished.size()));
  }

 private:
  // Results from before a change must not deny after it, in any limiter of the process.
  void NoteChange(const redis::Request& request) {
    VisitKeys(request, [this](std::string_view key) { changes_->Note(key); });
  }

  // Settles whether a reservation's answer is a decision.
  static void SetHold(const redis::Request& request, Answer& answer) {
    if (!request.is_of_reservation()) return;
    answer.decided = answer.decided && answer.result.hold == HoldOutcome::kOk;
    answer.held_policies = answer.decided ? 0 : request.set->size();
  }

  void MakeAnswer(redis::Finished& finished, Answer& answer) {
    auto& [request, completion] = finished;
    Result& result = answer.result;
    result.Open(0);
    result.done = completion.done;
    result.id_reused = completion.id_reused;
    answer.ticket = request.ticket;
    answer.fault = completion.fault;
    answer.detail = std::move(completion.detail);
    // The rule is for failures of Redis, not for a check that it can never answer.
    const bool by_rule = request.follows_rule() && rule_ != StoreErrorRule::kThrow &&
                         answer.fault != redis::Fault::kCrossSlot;
    if (completion.hold) {
      result.hold = completion.hold->outcome;
      result.spent = completion.hold->spent;
      result.charged = completion.hold->units;
    }
    answer.decided =
        request.decides() && !result.id_reused && (answer.fault == redis::Fault::kNone || by_rule);
    answer.held_policies = 0;
    if (answer.fault == redis::Fault::kNone) SetHold(request, answer);
    if (!answer.decided) return;
    if (answer.fault == redis::Fault::kNone) {
      DecideByReply(request, completion, result);
      for (LocalAnswerer* const answerer : answerers_) answerer->OnDecision(finished, result);
    } else if (rule_ == StoreErrorRule::kLocal) {
      fallback_->Decide(request, result);
      answer.decided = !result.id_reused;
    } else {
      result.allowed = rule_ == StoreErrorRule::kAllow;
      result.source = result.allowed ? Source::kAllow : Source::kDeny;
    }
  }

  const std::shared_ptr<AnswerSink> answers_to_;
  const StoreErrorRule rule_;
  const std::shared_ptr<KeyChanges> changes_;
  std::optional<LocalFallback> fallback_;
  std::optional<DenialAnswerer> denials_;
  // In the order in which they are asked.
  std::vector<LocalAnswerer*> answerers_;
  // Kept from batch to batch: making an answer costs more than filling one in. Deliver alone uses
  // it, and the backend calls that on one thread at a time.
  std::vector<Answer> answers_;
};

RedisLimiter::RedisLimiter(const Options& options, std::shared_ptr<redis::Backend> backend,
                           std::shared_ptr<AnswerSink> answers)
    : set_(std::make_shared<redis::PolicySet>(options.policies, options.prefix)),
      clock_(options.clock),
      deadline_(options.deadline),
      ids_(options.ids),
      backend_(std::move(backend)),
      core_(std::make_shared<Core>(options, std::move(answers))) {
  PublishMetadata(options);
}

RedisLimiter::~RedisLimiter() = default;

void RedisLimiter::PublishMetadata(const Options& options) {
  const auto publish = [this](redis::Metadata&& metadata) {
    metadata_.push_back(std::make_shared<const redis::Metadata>(std::move(metadata)));
    backend_->Publish(metadata_.back());
  };
  if (!options.description.empty()) {
    redis::Metadata metadata{.name = {}, .text = options.description};
    redis::AppendMetaName(options.prefix, metadata.text, metadata.name);
    publish(std::move(metadata));
  }
  std::string prefix;
  redis::AppendEscapedPrefix(options.prefix, prefix);
  for (const auto& [policy, numbers] : options.numbers) {
    redis::Metadata metadata{.name = {}, .text = numbers};
    redis::AppendPolicyName(options.prefix, policy, metadata.name);
    metadata.policy.append("policy '").append(policy).append("' under the prefix '");
    metadata.policy.append(prefix).append("'");
    publish(std::move(metadata));
  }
}

redis::Request RedisLimiter::RequestOf(Operation&& operation, const Key& key) const {
  redis::Request request;
  request.digests = DigestsOf(operation, key, *set_, ids_);
  static_cast<Operation&>(request) = std::move(operation);
  request.set = set_;
  if (key.each.empty()) request.key = redis::EscapedKey(key.one);
  if (key.each.empty() && !key.shard) return request;
  auto keys = std::make_shared<redis::KeyList>();
  keys->each.reserve(key.each.size());
  for (const std::string& one : key.each) keys->each.emplace_back(one);
  if (key.shard) keys->shard.emplace(*key.shard);
  request.keys = std::move(keys);
  return request;
}

bool RedisLimiter::Ask(Operation operation, const Key& key, std::uint64_t ticket, Answer& answer) {
  redis::Request request = RequestOf(std::move(operation), key);
  request.ticket = ticket;
  if (core_->AnswerHere(request, answer)) return true;
  queued_.push_back(std::move(request));
  return false;
}

std::size_t RedisLimiter::Flush() {
  const std::size_t count = queued_.size();
  if (count == 0) return 0;
  const Nanos now = clock_->Now();
  for (redis::Request& request : queued_) {
    request.asked = now;
    request.deadline = now + (request.follows_rule() ? deadline_ : kLastingDeadline);
    request.sink = core_;
  }
  backend_->Submit(std::exchange(queued_, {}));
  queued_.reserve(count);
  return count;
}

}  // namespace sluice
