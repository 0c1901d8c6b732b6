// Per-environment state and the exchange of numbers.
#include "environment.h"

#include <algorithm>
#include <limits>

#include "answer_queue.h"
#include "password_desk.h"
#include "values.h"

namespace sluice::addon {
namespace {

constexpr std::int64_t kMarkMask = (std::int64_t{1} << 53) - 1;

}  // namespace

Environment::Environment(Napi::Env env, Napi::Object exports)
    : env_(env),
      answers_(std::make_shared<AnswerQueue>()),
      passwords_(std::make_shared<PasswordDesk>()) {
  auto exchange = Napi::Float64Array::New(env, kExchangeNumbers);
  exchange_array_ = Napi::Persistent(exchange);
  exchange_ = exchange.Data();
  exports.Set("exchange", exchange);
}

Environment::~Environment() {
  answers_->End();
  passwords_->End();
}

Environment& Environment::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

Call Environment::ReadCall(Operation::Kind kind, std::span<const Policy> policies) const {
  using Kind = Operation::Kind;
  constexpr std::int64_t kLongest = ToMicros(kLongestSpan).count();
  constexpr std::int64_t kAllBits = std::numeric_limits<std::int32_t>::max();
  const bool asks = kind == Kind::kCheck || kind == Kind::kPeek;
  Call call;
  const std::int64_t shortest = kind == Kind::kBlock ? 1 : -1;
  call.span = FromMicros(Whole(env_, exchange_[0], "a call's span", shortest, kLongest));
  call.which = static_cast<std::uint32_t>(Whole(env_, exchange_[1], "a call's bits", 0, kAllBits));
  const std::int64_t flags = Whole(env_, exchange_[2], "a call's flags", 0, 3);
  call.has_marks = (flags & 1) != 0;
  call.charged_here = (flags & 2) != 0;
  if (kind == Kind::kAbort && !call.has_marks) {
    throw Napi::RangeError::New(env_, "an abort must have marks");
  }
  for (std::size_t i = 0; i < policies.size(); ++i) {
    call.a[i] = Whole(env_, exchange_[3 + 2 * i], "units", 0, kLargestCost);
    const double b = exchange_[4 + 2 * i];
    if (asks) {
      call.b[i] = Whole(env_, b, "a limit", kOwnLimit, LargestLimit(policies[i].algorithm));
    } else if (call.has_marks) {
      call.b[i] = Whole(env_, b, "a mark", 0, kLargestExact);
    }
    if (kind == Kind::kAbort) {
      const double limit = exchange_[3 + 2 * policies.size() + i];
      const std::int64_t most = LargestLimit(policies[i].algorithm);
      call.limits[i] = Whole(env_, limit, "a limit", kOwnLimit, most);
    }
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
