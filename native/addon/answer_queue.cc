// One thread-safe function per environment, called once per batch of answers.
#include "answer_queue.h"

#include <array>
#include <iterator>
#include <utility>

#include "environment.h"

namespace sluice::addon {
namespace {

constexpr double kUndecided = -1;

}  // namespace

AnswerQueue::AnswerQueue(Napi::Env env) {
  const Napi::String name = Napi::String::New(env, "sluice");
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, &AnswerQueue::OnWake, &wake_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, wake_);
}

AnswerQueue::~AnswerQueue() = default;

void AnswerQueue::SetReceiver(Napi::Function receiver) { receiver_ = Napi::Persistent(receiver); }

void AnswerQueue::Expect(std::uint64_t count) {
  if (expected_ == 0 && count > 0) napi_ref_threadsafe_function(receiver_.Env(), wake_);
  expected_ += count;
}

void AnswerQueue::Close() {
  receiver_.Reset();
  napi_threadsafe_function wake = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    wake = std::exchange(wake_, nullptr);
    waiting_.clear();
  }
  napi_release_threadsafe_function(wake, napi_tsfn_abort);
}

void AnswerQueue::Deliver(std::span<Answer> answers) {
  const std::scoped_lock lock(mutex_);
  if (wake_ == nullptr) return;
  const bool idle = waiting_.empty();
  waiting_.insert(waiting_.end(), std::move_iterator(answers.begin()),
                  std::move_iterator(answers.end()));
  if (idle) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void AnswerQueue::OnWake(napi_env env, napi_value /*callback*/, void* context, void* /*data*/) {
  if (env == nullptr) return;  // the environment is ending
  static_cast<AnswerQueue*>(context)->HandOver(env);
}

// Plain Node-API, and no status looked at: a worker that is being terminated runs no more
// JavaScript and cannot even make an error of it. Then nobody is left to answer, and all of this
// does nothing.
void AnswerQueue::HandOver(napi_env env) {
  {
    const std::scoped_lock lock(mutex_);
    taken_.swap(waiting_);
  }
  Environment& environment = Environment::Of(env);
  double* const exchange = environment.exchange();
  constexpr std::size_t kLargest = 3 + Environment::kVerdictNumbers;
  std::size_t next = 0;
  while (next < taken_.size()) {
    const Napi::HandleScope scope(env);
    std::array<napi_value, 2> args{};
    napi_get_undefined(env, &args[1]);
    bool has_details = false;
    std::size_t at = 0;
    std::uint32_t count = 0;
    for (; next < taken_.size() && at + kLargest <= Environment::kExchangeNumbers; ++next) {
      const Answer& answer = taken_[next];
      exchange[at] = static_cast<double>(answer.ticket);
      exchange[at + 1] = static_cast<double>(answer.fault);
      exchange[at + 2] =
          answer.decided ? WriteVerdict(answer.verdict, exchange + at + 3) : kUndecided;
      at += 3 + answer.verdict.count * Environment::kNumbersPerPolicy;
      if (answer.fault != redis::Fault::kNone) {
        if (!std::exchange(has_details, true)) napi_create_array(env, &args[1]);
        napi_value text = nullptr;
        napi_create_string_utf8(env, answer.detail.data(), answer.detail.size(), &text);
        napi_set_element(env, args[1], count, text);
      }
      ++count;
    }
    expected_ -= count;
    if (expected_ == 0) napi_unref_threadsafe_function(env, wake_);
    napi_create_uint32(env, count, args.data());
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_call_function(env, undefined, receiver_.Value(), args.size(), args.data(), nullptr);
  }
  taken_.clear();
}

}  // namespace sluice::addon
