// Per-environment state and the exchange of numbers.
#include "environment.h"

#include <algorithm>

#include "answer_queue.h"
#include "password_desk.h"
#include "values.h"

namespace sluice::addon {
namespace {

constexpr std::int64_t kMarkMask = (std::int64_t{1} << 53) - 1;

}  // namespace

Environment::Environment(Napi::Env env, Napi::Object exports) {
  auto exchange = Napi::Float64Array::New(env, kExchangeNumbers);
  exchange_array_ = Napi::Persistent(exchange);
  exchange_ = exchange.Data();
  exports.Set("exchange", exchange);

  answers_ = std::make_shared<AnswerQueue>(env);
  passwords_ = std::make_shared<PasswordDesk>(env);
  // Runs while the thread-safe functions still live, before the destructor below.
  env.AddCleanupHook([answers = answers_, passwords = passwords_] {
    answers->Close();
    passwords->Close();
  });
}

Environment::~Environment() = default;

Environment& Environment::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

Call Environment::ReadCall(std::size_t count) const {
  Call call;
  call.span = FromMicros(exchange_[0]);
  call.which = static_cast<std::uint32_t>(exchange_[1]);
  const auto flags = static_cast<unsigned>(exchange_[2]);
  call.has_marks = (flags & 1) != 0;
  call.charged_here = (flags & 2) != 0;
  for (std::size_t i = 0; i < count; ++i) {
    call.a[i] = static_cast<std::int64_t>(exchange_[3 + 2 * i]);
    call.b[i] = static_cast<std::int64_t>(exchange_[4 + 2 * i]);
  }
  return call;
}

std::uint32_t WriteVerdict(const Verdict& verdict, double* numbers) {
  double& delay = *numbers++;
  delay = 0;
  for (const Decision& decision : verdict.Decisions()) {
    delay = std::max(delay, ToMillis(decision.delay));
    *numbers++ = decision.allowed ? 1 : 0;
    *numbers++ = static_cast<double>(decision.limit);
    *numbers++ = static_cast<double>(decision.remaining);
    *numbers++ = ToMillis(decision.retry_after);
    *numbers++ = ToMillis(decision.reset_after);
    *numbers++ = static_cast<double>(decision.mark & kMarkMask);
  }
  if (verdict.repeated) {
    for (const std::uint64_t half : {verdict.holder.high, verdict.holder.low}) {
      *numbers++ = static_cast<double>(half >> 32);
      *numbers++ = static_cast<double>(half & 0xffffffff);
    }
  }
  std::uint32_t code = (verdict.allowed ? 1u : 0u) + verdict.binding * 2u +
                       static_cast<std::uint32_t>(verdict.source) * 32u;
  if (verdict.repeated) code += 256u + (verdict.slots_again ? 512u : 0u);
  return code;
}

}  // namespace sluice::addon
