// The memory store's side of the addon. check() is the hottest path of the library.
#include "memory_binding.h"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "environment.h"
#include "limiter/memory_limiter.h"
#include "redis/request.h"
#include "store/clock.h"
#include "store/store_registry.h"
#include "values.h"

namespace sluice::addon {
namespace {

using StorePtr = std::shared_ptr<MemoryStore>;

struct Bound {
  Bound(Environment& its_environment, MemoryLimiter its_limiter)
      : environment(its_environment), limiter(std::move(its_limiter)) {}
  Environment& environment;
  MemoryLimiter limiter;
  MonotonicClock clock;
  Verdict verdict;  // kept from call to call: clearing one costs as much as the decision
};

struct Arguments {
  Bound* bound;
  std::size_t argc;
  std::array<napi_value, 5> args;
};

// Reads a call without the checks and objects of node-addon-api: this is the hottest path.
Arguments ReadArguments(napi_env env, napi_callback_info info) {
  Arguments call;
  call.argc = call.args.size();
  void* data = nullptr;
  napi_get_cb_info(env, info, &call.argc, call.args.data(), nullptr, &data);
  call.bound = static_cast<Bound*>(data);
  return call;
}

double NumberAt(napi_env env, const Arguments& call, std::size_t index, double otherwise) {
  if (index < call.argc) napi_get_value_double(env, call.args[index], &otherwise);
  return otherwise;
}

Nanos NowAt(napi_env env, const Arguments& call, std::size_t index) {
  const double now_us = NumberAt(env, call, index, -1);
  return now_us < 0 ? call.bound->clock.Now() : FromMicros(now_us);
}

// Runs the body of a callback; as in those of node-addon-api, its exceptions become JavaScript's.
template <typename Body>
napi_value Guarded(napi_env env, Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

template <typename Decider>
napi_value Decide(napi_env env, napi_callback_info info, Decider decide) {
  const Arguments call = ReadArguments(env, info);
  const MemoryLimiter& limiter = call.bound->limiter;
  const std::size_t count = limiter.policies().size();
  std::array<std::int64_t, kMaxPolicies> costs;
  std::fill_n(costs.begin(), count, static_cast<std::int64_t>(NumberAt(env, call, 1, 1)));
  const Nanos now = NowAt(env, call, 2);
  const Utf8 key(env, call.args[0]);
  Verdict& verdict = call.bound->verdict;
  decide(limiter, limiter.Hash(key.view()), std::span(costs).first(count), now, verdict);

  napi_value code = nullptr;
  napi_create_uint32(env, WriteVerdict(verdict, call.bound->environment.exchange()), &code);
  return code;
}

napi_value Check(napi_env env, napi_callback_info info) {
  return Guarded(env, [=] {
    return Decide(env, info,
                  [](const MemoryLimiter& limiter, auto&&... args) { limiter.Check(args...); });
  });
}

napi_value Peek(napi_env env, napi_callback_info info) {
  return Guarded(env, [=] {
    return Decide(env, info,
                  [](const MemoryLimiter& limiter, auto&&... args) { limiter.Peek(args...); });
  });
}

// One key, or one per policy. Returns how many.
std::size_t ReadKeys(napi_env env, napi_value from, const MemoryLimiter& limiter,
                     std::array<KeyHash, kMaxPolicies>& keys) {
  bool is_list = false;
  napi_is_array(env, from, &is_list);
  if (!is_list) {
    keys[0] = limiter.Hash(Utf8(env, from).view());
    return 1;
  }
  const std::size_t count = limiter.policies().size();
  for (std::size_t i = 0; i < count; ++i) {
    napi_value key = nullptr;
    napi_get_element(env, from, static_cast<std::uint32_t>(i), &key);
    keys[i] = limiter.Hash(Utf8(env, key).view());
  }
  return count;
}

// What a call comes to that says more than a key and a cost.
std::int32_t Do(Bound& bound, redis::Request::Kind kind, MemoryLimiter::Keys keys, HolderId holder,
                std::string_view id, Nanos now) {
  using Kind = redis::Request::Kind;
  const MemoryLimiter& limiter = bound.limiter;
  const std::size_t count = limiter.policies().size();
  const Call call = bound.environment.ReadCall(count);
  const std::span units = std::span(call.a).first(count);
  const std::span marks = std::span(call.b).first(call.has_marks ? count : 0);
  switch (kind) {
    case Kind::kCheck:
    case Kind::kPeek: {
      std::array<Ask, kMaxPolicies> asks;
      for (std::size_t i = 0; i < count; ++i) asks[i] = {.cost = call.a[i], .limit = call.b[i]};
      const MemoryStore::Question question{.asks = std::span(asks).first(count),
                                           .max_wait = call.span < Nanos{0} ? kNoWait : call.span,
                                           .holder = holder};
      if (kind == Kind::kPeek) {
        limiter.Peek(keys, question, now, bound.verdict);
      } else if (id.empty()) {
        limiter.Check(keys, question, now, bound.verdict);
      } else if (!limiter.CheckOnce(keys, question, id, now, bound.verdict)) {
        return kIdReused;
      }
      return static_cast<std::int32_t>(WriteVerdict(bound.verdict, bound.environment.exchange()));
    }
    case Kind::kReset:
      limiter.Reset(keys);
      return 0;
    case Kind::kDebit:
      limiter.Debit(keys, units, now);
      return 0;
    case Kind::kCredit:
      limiter.Credit(keys, units, marks, now);
      return 0;
    case Kind::kAbort:
      limiter.Abort(keys, units, marks, now);
      if (!id.empty()) limiter.ForgetId(keys, id, now);
      return 0;
    case Kind::kRelease:
      return limiter.Release(keys, holder, now) ? 1 : 0;
    case Kind::kRenew:
      return limiter.Renew(keys, holder, now) ? 1 : 0;
    case Kind::kBlock:
      limiter.Block(keys, call.which, call.span, now);
      return 0;
    case Kind::kUnblock:
      limiter.Unblock(keys, call.which);
      return 0;
  }
  return 0;
}

napi_value Act(napi_env env, napi_callback_info info) {
  return Guarded(env, [=] {
    const Arguments call = ReadArguments(env, info);
    const auto kind = static_cast<redis::Request::Kind>(NumberAt(env, call, 0, 0));
    std::array<KeyHash, kMaxPolicies> keys;
    const std::size_t count = ReadKeys(env, call.args[1], call.bound->limiter, keys);
    const auto text = [&](std::size_t index) -> std::optional<std::string> {
      napi_valuetype type = napi_undefined;
      if (index < call.argc) napi_typeof(env, call.args[index], &type);
      if (type != napi_string) return std::nullopt;
      return Utf8(env, call.args[index]).Text();
    };
    const std::optional<std::string> holder = text(3);
    const std::optional<std::string> id = text(4);
    napi_value code = nullptr;
    napi_create_int32(env,
                      Do(*call.bound, kind, std::span(keys).first(count),
                         holder ? ReadHolder(*holder) : HolderId{},
                         id ? std::string_view(*id) : std::string_view(), NowAt(env, call, 2)),
                      &code);
    return code;
  });
}

Napi::Value OpenMemoryStore(const Napi::CallbackInfo& info) {
  const bool external_clock = info[2].As<Napi::Boolean>().Value();
  const MemoryStore::Options options{
      .max_keys = static_cast<std::size_t>(info[1].As<Napi::Number>().Int64Value()),
      .seed = RandomSeed(),
      .wall_offset =
          Nanos{static_cast<std::int64_t>(info[3].As<Napi::Number>().DoubleValue()) * 1000},
      .clock = external_clock ? nullptr : &MonotonicClock::Instance()};
  StorePtr store;
  if (info[0].IsUndefined()) {
    store = std::make_shared<MemoryStore>(options);
  } else {
    store = OpenNamedStore(Utf8(info.Env(), info[0]).view(), options, external_clock);
  }
  if (store == nullptr) return info.Env().Undefined();
  return Napi::External<StorePtr>::New(info.Env(), new StorePtr(std::move(store)),
                                       [](Napi::Env, StorePtr* held) { delete held; });
}

Napi::Value MemoryStoreStats(const Napi::CallbackInfo& info) {
  const MemoryStore::Stats stats = (*info[0].As<Napi::External<StorePtr>>().Data())->stats();
  auto out = Napi::Array::New(info.Env(), 3);
  out[0u] = static_cast<double>(stats.keys);
  out[1u] = static_cast<double>(stats.capacity);
  out[2u] = static_cast<double>(stats.evicted);
  return out;
}

Napi::Value MakeMemoryLimiter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bound = std::make_shared<Bound>(
      Environment::Of(env),
      MemoryLimiter(ReadPolicies(info[1].As<Napi::Array>()),
                    *info[0].As<Napi::External<StorePtr>>().Data(), Utf8(env, info[2]).view(),
                    {.limiter = Utf8(env, info[3]).Text(), .plan = Utf8(env, info[4]).Text()}));
  auto out = Napi::Object::New(env);
  const auto add = [&](const char* name, napi_callback callback) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, bound.get(), &function);
    // Each function keeps what it is bound to alive.
    Napi::Function(env, function)
        .AddFinalizer([](Napi::Env, std::shared_ptr<Bound>* held) { delete held; },
                      new std::shared_ptr<Bound>(bound));
    out.Set(name, Napi::Value(env, function));
  };
  add("check", Check);
  add("peek", Peek);
  add("act", Act);
  return out;
}

}  // namespace

void ExportMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("openMemoryStore", Napi::Function::New(env, OpenMemoryStore));
  exports.Set("memoryStoreStats", Napi::Function::New(env, MemoryStoreStats));
  exports.Set("makeMemoryLimiter", Napi::Function::New(env, MakeMemoryLimiter));
}

}  // namespace sluice::addon
