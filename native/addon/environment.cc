// Per-environment state and the exchange of numbers.
#include "environment.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "answer_bridge.h"
#include "password_bridge.h"
#include "values.h"

namespace sluice::addon {
namespace {

constexpr std::int64_t kMarkMask = (std::int64_t{1} << 53) - 1;

}  // namespace

Environment::Environment(Napi::Env env, Napi::Object exports)
    : env_(env),
      answers_(std::make_shared<AnswerBridge>()),
      passwords_(std::make_shared<PasswordBridge>()) {
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

Operation Environment::ReadOperation(Operation::Kind kind, std::span<const Policy> policies,
                                     napi_value holder, napi_value id,
                                     Operation::Options& options) const {
  using Kind = Operation::Kind;
  constexpr std::int64_t kLongest = ToMicros(kLongestSpan).count();
  constexpr std::int64_t kAllBits = std::numeric_limits<std::int32_t>::max();
  Operation operation{.kind = kind, .costs = 0};
  const bool blocks = kind == Kind::kBlock;
  const bool reserves = kind == Kind::kReserve;
  const std::int64_t span_us =
      Whole(env_, exchange_[0], "a call's span", blocks || reserves ? 1 : -1, kLongest);
  const Nanos span = FromMicros(span_us);
  if (blocks) options.block_for = span;
  if (operation.is_of_reservation()) {
    options.hold_for = Micros{std::max<std::int64_t>(0, span_us)};
  } else if (operation.decides() && span >= Nanos{0}) {
    options.max_wait = span;
  }
  options.which = static_cast<PolicyBits>(Whole(env_, exchange_[1], "a call's bits", 0, kAllBits));
  const std::int64_t most_flags = reserves ? 3 + 4 * std::int64_t{kLastOnExpire} : 3;
  const std::int64_t flags = Whole(env_, exchange_[2], "a call's flags", 0, most_flags);
  options.charged_locally = (flags & 2) != 0;
  options.on_expire = static_cast<OnExpire>(flags >> 2);
  if (!operation.decides() && (flags & 1) != 0) options.marks.emplace();
  if (kind == Kind::kAbort && !options.marks) {
    throw Napi::RangeError::New(env_, "an abort must have marks");
  }
  const std::size_t count = policies.size();
  std::array<std::int64_t, kMaxPolicies> costs;
  for (std::size_t i = 0; i < count; ++i) {
    const auto limit_from = [&](double number) {
      return Whole(env_, number, "a limit", kOwnLimit, LargestLimit(policies[i].algorithm));
    };
    costs[i] = Whole(env_, exchange_[3 + 2 * i], "units", 0, kLargestCost);
    const double second = exchange_[4 + 2 * i];
    if (operation.decides()) options.limits[i] = limit_from(second);
    if (options.marks) (*options.marks)[i] = Whole(env_, second, "a mark", 0, kLargestExact);
    if (kind == Kind::kAbort) options.limits[i] = limit_from(exchange_[3 + 2 * count + i]);
  }
  const bool equal = std::all_of(costs.begin(), costs.begin() + static_cast<std::ptrdiff_t>(count),
                                 [&costs](std::int64_t cost) { return cost == costs[0]; });
  operation.costs = equal ? Costs(costs[0]) : Costs(std::span(costs).first(count));

  const auto is_given = [this](napi_value value) {
    napi_valuetype type = napi_undefined;
    napi_typeof(env_, value, &type);
    return type != napi_undefined;
  };
  if (is_given(holder)) options.holder = ReadHolder(env_, Utf8(env_, holder).view());
  if (is_given(id)) options.id = Utf8(env_, id).Text();
  const bool holds = kind == Kind::kCheck || kind == Kind::kRelease || kind == Kind::kRenew;
  const bool needs_holder = operation.is_of_reservation() || (holds && HasSlots(policies));
  if (needs_holder && options.holder == HolderId{}) {
    throw Napi::TypeError::New(env_, "a call about slots must have a holder");
  }
  return operation;
}

std::int32_t WriteHold(const Result& result, std::size_t policies, double* numbers) {
  *numbers++ = static_cast<double>(result.spent);
  const bool is_known = result.hold != HoldOutcome::kUnknown;
  for (std::size_t i = 0; i < policies; ++i) {
    *numbers++ = is_known ? static_cast<double>(result.charged[i]) : 0;
  }
  return kHold - static_cast<std::int32_t>(result.hold);
}

std::uint32_t WriteVerdict(const Result& result, double* numbers) {
  double& delay = *numbers++;
  delay = 0;
  for (const Decision& decision : result.Decisions()) {
    delay = std::max(delay, ToMillis(decision.delay));
    *numbers++ = decision.allowed ? 1 : 0;
    *numbers++ = static_cast<double>(decision.limit);
    *numbers++ = static_cast<double>(decision.remaining);
    *numbers++ = ToMillis(decision.retry_after);
    *numbers++ = ToMillis(decision.reset_after);
    *numbers++ = static_cast<double>(decision.mark & kMarkMask);
  }
  if (result.replayed) {
    for (const std::uint64_t half : {result.holder.high, result.holder.low}) {
      *numbers++ = static_cast<double>(half >> 32);
      *numbers++ = static_cast<double>(half & 0xffffffff);
    }
  }
  std::uint32_t code = (result.allowed ? 1u : 0u) + result.binding * 2u +
                       static_cast<std::uint32_t>(result.source) * 32u;
  if (result.replayed) code += 256u + (result.slots_again ? 512u : 0u);
  if (!result.allowed) {
    const auto blocks = [](const Decision& each) { return each.enforced && each.blocked; };
    if (std::ranges::any_of(result.Decisions(), blocks)) code += 1024u;
  }
  return code;
}

}  // namespace sluice::addon
