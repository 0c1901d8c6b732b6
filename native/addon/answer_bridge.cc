// One thread-safe function per environment, called once per batch of answers.
#include "answer_bridge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "environment.h"

namespace sluice::addon {
namespace {

constexpr std::size_t kLargestAnswer = 2 + Environment::kVerdictNumbers;
static_assert(kLargestAnswer <= Environment::kExchangeNumbers);

}  // namespace

std::int32_t WriteAnswer(const Answer& answer, double* numbers) {
  if (answer.decided) return static_cast<std::int32_t>(WriteVerdict(answer.result, numbers));
  if (answer.held_policies > 0) return WriteHold(answer.result, answer.held_policies, numbers);
  if (answer.result.id_reused) return kIdReused;
  return answer.result.done ? kDone : kUndecided;
}

void AnswerBridge::Enter(napi_env env) {
  if (wake_ == nullptr) {
    napi_threadsafe_function wake = nullptr;
    const napi_status status =
        napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "sluice"), 0,
                                        1, nullptr, nullptr, this, &AnswerBridge::OnWake, &wake);
    if (status != napi_ok) throw Napi::Error::New(env);
    napi_unref_threadsafe_function(env, wake);
    // Hooks run last in, first out: this one before the function's own hook, which frees it.
    napi_add_env_cleanup_hook(env, &AnswerBridge::OnEnd, this);
    env_ = env;
    const std::scoped_lock lock(mutex_);
    wake_ = wake;
  }
  ++limiters_;
}

void AnswerBridge::Leave() {
  --limiters_;
  if (limiters_ == 0 && expected_ == 0) Close();
}

void AnswerBridge::End() {
  Close();
  receiver_.Reset();
  breaker_receiver_.Reset();
  warning_receiver_.Reset();
}

void AnswerBridge::OnEnd(void* queue) { static_cast<AnswerBridge*>(queue)->Close(); }

void AnswerBridge::SetReceiver(Napi::Function receiver) { receiver_ = Napi::Persistent(receiver); }

void AnswerBridge::SetBreakerReceiver(Napi::Function receiver) {
  breaker_receiver_ = Napi::Persistent(receiver);
}

void AnswerBridge::SetWarningReceiver(Napi::Function receiver) {
  warning_receiver_ = Napi::Persistent(receiver);
}

void AnswerBridge::Expect(std::uint64_t count) {
  if (expected_ == 0 && count > 0) napi_ref_threadsafe_function(env_, wake_);
  expected_ += count;
}

void AnswerBridge::Close() {
  if (wake_ == nullptr) return;
  napi_threadsafe_function wake = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    wake = std::exchange(wake_, nullptr);
    waiting_ = {};
    news_ = {};
  }
  napi_remove_env_cleanup_hook(env_, &AnswerBridge::OnEnd, this);
  napi_release_threadsafe_function(wake, napi_tsfn_abort);
}

void AnswerBridge::Deliver(std::span<const Answer> answers) {
  const std::scoped_lock lock(mutex_);
  if (wake_ == nullptr) return;
  const bool idle = waiting_.ends.empty() && news_.empty();
  for (const Answer& answer : answers) {
    std::array<double, kLargestAnswer> numbers;
    numbers[0] = static_cast<double>(answer.ticket);
    numbers[1] = static_cast<double>(answer.fault);
    numbers[2] = WriteAnswer(answer, numbers.data() + 3);
    const std::size_t more = answer.held_policies > 0 ? NumbersOfHold(answer.held_policies) : 0;
    const std::size_t size = 3 + (answer.decided ? NumbersAfterCode(answer.result) : more);
    waiting_.numbers.insert(waiting_.numbers.end(), numbers.begin(), numbers.begin() + size);
    waiting_.ends.push_back(waiting_.numbers.size());
    if (answer.fault != redis::Fault::kNone) waiting_.details.push_back(answer.detail);
  }
  if (idle) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void AnswerBridge::OnBreaker(std::string_view address, redis::BreakerState state) {
  Tell({&breaker_receiver_, {std::string(address), std::string(redis::BreakerStateName(state))}});
}

void AnswerBridge::OnWarning(std::string_view address, const redis::Warning& warning) {
  Tell({&warning_receiver_,
        {std::string(address), std::string(redis::WarningName(warning.code)), warning.detail}});
}

void AnswerBridge::Tell(News&& news) {
  const std::scoped_lock lock(mutex_);
  if (wake_ == nullptr) return;
  const bool idle = waiting_.ends.empty() && news_.empty();
  news_.push_back(std::move(news));
  if (idle) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void AnswerBridge::OnWake(napi_env env, napi_value /*callback*/, void* context, void* /*data*/) {
  if (env == nullptr) return;  // the environment is ending
  auto* const queue = static_cast<AnswerBridge*>(context);
  std::vector<News> news;
  {
    // Takes all at once: an answer that arrives between two parts would wake nobody.
    const std::scoped_lock lock(queue->mutex_);
    std::swap(queue->taken_, queue->waiting_);
    news.swap(queue->news_);
  }
  queue->HandOver(env);
  queue->HandOverNews(env, news);
}

// Plain Node-API, and ignores every status: a worker that is being terminated runs no more
// JavaScript and cannot even create an error. No caller is then left, and these calls do nothing.
void AnswerBridge::HandOver(napi_env env) {
  double* const exchange = Environment::Of(env).exchange();
  std::size_t next = 0;
  std::size_t next_detail = 0;
  std::size_t begin = 0;
  while (next < taken_.ends.size()) {
    const Napi::HandleScope scope(env);
    std::array<napi_value, 2> args{};
    napi_get_undefined(env, &args[1]);
    bool has_details = false;
    std::size_t end = begin;
    std::uint32_t count = 0;
    for (; next < taken_.ends.size(); ++next, ++count) {
      if (taken_.ends[next] - begin > Environment::kExchangeNumbers) break;
      if (taken_.numbers[end + 1] != 0) {
        if (!std::exchange(has_details, true)) napi_create_array(env, &args[1]);
        const std::string& detail = taken_.details[next_detail++];
        napi_value text = nullptr;
        napi_create_string_utf8(env, detail.data(), detail.size(), &text);
        napi_set_element(env, args[1], count, text);
      }
      end = taken_.ends[next];
    }
    std::copy(taken_.numbers.data() + begin, taken_.numbers.data() + end, exchange);
    begin = end;
    expected_ -= count;
    if (expected_ == 0) napi_unref_threadsafe_function(env, wake_);
    napi_create_uint32(env, count, args.data());
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_call_function(env, undefined, receiver_.Value(), args.size(), args.data(), nullptr);
  }
  taken_.numbers.clear();
  taken_.ends.clear();
  taken_.details.clear();
  if (limiters_ == 0 && expected_ == 0) Close();
}

void AnswerBridge::HandOverNews(napi_env env, std::span<const News> news) {
  for (const auto& [receiver, texts] : news) {
    const Napi::HandleScope scope(env);
    std::array<napi_value, std::tuple_size_v<decltype(News::texts)>> args{};
    for (std::size_t i = 0; i < args.size(); ++i) {
      napi_create_string_utf8(env, texts[i].data(), texts[i].size(), &args[i]);
    }
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_call_function(env, undefined, receiver->Value(), args.size(), args.data(), nullptr);
  }
}

}  // namespace sluice::addon
