// The memory store's side of the addon. check() is the hottest path of the library.
#include "memory_binding.h"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "environment.h"
#include "limiter/memory_limiter.h"
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

struct Call {
  Bound* bound;
  std::size_t argc;
  std::array<napi_value, 3> args;
};

// Reads a call without the checks and objects of node-addon-api: this is the hottest path.
Call ReadCall(napi_env env, napi_callback_info info) {
  Call call;
  call.argc = call.args.size();
  void* data = nullptr;
  napi_get_cb_info(env, info, &call.argc, call.args.data(), nullptr, &data);
  call.bound = static_cast<Bound*>(data);
  return call;
}

double NumberAt(napi_env env, const Call& call, std::size_t index, double otherwise) {
  if (index < call.argc) napi_get_value_double(env, call.args[index], &otherwise);
  return otherwise;
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

template <typename Ask>
napi_value Decide(napi_env env, napi_callback_info info, Ask ask) {
  const Call call = ReadCall(env, info);
  const MemoryLimiter& limiter = call.bound->limiter;
  const double cost = NumberAt(env, call, 1, 1);
  const double now_us = NumberAt(env, call, 2, -1);

  const std::size_t count = limiter.policies().size();
  std::array<std::int64_t, kMaxPolicies> costs;
  if (cost < 0) {
    call.bound->environment.ReadCosts(count, costs);
  } else {
    std::fill_n(costs.begin(), count, static_cast<std::int64_t>(cost));
  }
  const Nanos now = now_us < 0 ? call.bound->clock.Now() : FromMicros(now_us);
  const Utf8 key(env, call.args[0]);
  Verdict& verdict = call.bound->verdict;
  ask(limiter, limiter.Hash(key.view()), std::span(costs).first(count), now, verdict);

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

napi_value Reset(napi_env env, napi_callback_info info) {
  return Guarded(env, [=]() -> napi_value {
    const Call call = ReadCall(env, info);
    const Utf8 key(env, call.args[0]);
    call.bound->limiter.Reset(call.bound->limiter.Hash(key.view()));
    return nullptr;
  });
}

Napi::Value OpenMemoryStore(const Napi::CallbackInfo& info) {
  const MemoryStore::Options options{
      .max_keys = static_cast<std::size_t>(info[1].As<Napi::Number>().Int64Value()),
      .seed = RandomSeed()};
  StorePtr store;
  if (info[0].IsUndefined()) {
    store = std::make_shared<MemoryStore>(options);
  } else {
    store = OpenNamedStore(Utf8(info.Env(), info[0]).view(), options,
                           info[2].As<Napi::Boolean>().Value());
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
                    *info[0].As<Napi::External<StorePtr>>().Data(), Utf8(env, info[2]).view()));
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
  add("reset", Reset);
  return out;
}

}  // namespace

void ExportMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("openMemoryStore", Napi::Function::New(env, OpenMemoryStore));
  exports.Set("memoryStoreStats", Napi::Function::New(env, MemoryStoreStats));
  exports.Set("makeMemoryLimiter", Napi::Function::New(env, MakeMemoryLimiter));
}

}  // namespace sluice::addon
