// The memory store's side of the addon. check() is the hottest path of the library.
#include "memory_binding.h"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/operation.h"
#include "environment.h"
#include "limiter/memory_limiter.h"
#include "store/clock.h"
#include "store/store_registry.h"
#include "values.h"

namespace sluice::addon {
namespace {

constexpr auto kLastKind = static_cast<std::int64_t>(Operation::kLastKind);

// A store as JavaScript holds it.
struct Store {
  std::shared_ptr<MemoryStore> store;
  bool external_clock;
};

struct Bound {
  Bound(Environment& its_environment, MemoryLimiter its_limiter, bool its_external_clock)
      : environment(its_environment),
        limiter(std::move(its_limiter)),
        external_clock(its_external_clock) {}
  Environment& environment;
  MemoryLimiter limiter;
  const bool external_clock;  // the store's
  BootClock clock;
  Result result;  // kept from call to call: initialising one costs as much as a decision
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

std::int64_t WholeAt(napi_env env, const Arguments& call, std::size_t index, std::int64_t otherwise,
                     const char* what, std::int64_t least, std::int64_t most) {
  if (index >= call.argc) return otherwise;
  double number = std::numeric_limits<double>::quiet_NaN();
  napi_get_value_double(env, call.args[index], &number);
  return Whole(env, number, what, least, most);
}

Nanos NowAt(napi_env env, const Arguments& call, std::size_t index) {
  const std::int64_t now_us = WholeAt(env, call, index, -1, "nowUs", -1, kLargestExact);
  if (call.bound->external_clock != (now_us >= 0)) {
    throw Napi::RangeError::New(env, "nowUs must come from the store's own clock");
  }
  return now_us < 0 ? call.bound->clock.Now() : FromMicros(now_us);
}

// Runs the body of a callback; its exceptions become JavaScript's, as with node-addon-api.
template <typename Body>
napi_value Guarded(napi_env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    // Ignores the status: if JavaScript may not run, nobody sees the exception.
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

// Runs an operation and returns its code; the decisions of one that decides are in the exchange.
napi_value Run(napi_env env, Bound& bound, MemoryLimiter::Keys keys, const Operation& operation,
               Nanos now) {
  Result& result = bound.result;
  bound.limiter.Execute(keys, operation, now, result);
  std::int32_t number = result.done ? 1 : 0;
  if (result.id_reused) {
    number = kIdReused;
  } else if (operation.decides()) {
    number = static_cast<std::int32_t>(WriteVerdict(result, bound.environment.exchange()));
  }
  napi_value code = nullptr;
  napi_create_int32(env, number, &code);
  return code;
}

// One key, one cost and nothing else.
napi_value Decide(napi_env env, napi_callback_info info, Operation::Kind kind) {
  return Guarded(env, [=] {
    const Arguments call = ReadArguments(env, info);
    const std::int64_t cost = WholeAt(env, call, 1, 1, "a cost", 0, kLargestCost);
    const Nanos now = NowAt(env, call, 2);
    const KeyHash key = call.bound->limiter.Hash(Utf8(env, call.args[0]).view());
    return Run(env, *call.bound, {&key, 1}, {.kind = kind, .costs = cost}, now);
  });
}

napi_value Check(napi_env env, napi_callback_info info) {
  return Decide(env, info, Operation::Kind::kCheck);
}

napi_value Peek(napi_env env, napi_callback_info info) {
  return Decide(env, info, Operation::Kind::kPeek);
}

napi_value RefuseShort(napi_env env, napi_callback_info /*info*/) {
  napi_throw_type_error(env, nullptr, "a call about slots must have a holder");
  return nullptr;
}

// Reads one key, or one per policy. Returns their number.
std::size_t ReadKeys(napi_env env, napi_value from, const MemoryLimiter& limiter,
                     std::array<KeyHash, kMaxPolicies>& keys) {
  bool is_list = false;
  napi_is_array(env, from, &is_list);
  if (!is_list) {
    keys[0] = limiter.Hash(Utf8(env, from).view());
    return 1;
  }
  const auto count = static_cast<std::uint32_t>(limiter.policies().size());
  const Napi::Array list = ReadList(Napi::Value(env, from), "keys", count, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    keys[i] = limiter.Hash(Utf8(env, list.Get(i)).view());
  }
  return count;
}

napi_value Act(napi_env env, napi_callback_info info) {
  return Guarded(env, [=] {
    const Arguments call = ReadArguments(env, info);
    const MemoryLimiter& limiter = call.bound->limiter;
    const auto kind =
        static_cast<Operation::Kind>(WholeAt(env, call, 0, -1, "a kind", 0, kLastKind));
    // Before keys: reading an array may run code that writes another call to the exchange.
    Operation::Options options;
    Operation operation = call.bound->environment.ReadOperation(
        kind, limiter.policies(), call.args[3], call.args[4], options);
    // Owns nothing: the options live as long as the call.
    operation.options = {std::shared_ptr<void>(), &options};
    std::array<KeyHash, kMaxPolicies> keys;
    const std::size_t count = ReadKeys(env, call.args[1], limiter, keys);
    return Run(env, *call.bound, std::span(keys).first(count), operation, NowAt(env, call, 2));
  });
}

Napi::Value OpenMemoryStore(const Napi::CallbackInfo& info) {
  const bool external_clock = ReadFlag(info[2], "externalClock");
  auto options = MemoryStore::OnMachineClocks(
      static_cast<std::size_t>(ReadWhole(info[1], "maxKeys", 1, kMostKeys)), RandomSeed());
  const Nanos offset = FromMicros(ReadWhole(info[3], "wallOffsetUs", -kLargestWallOffsetUs, 0));
  if (external_clock) {
    options.wall_offset = offset;
    options.clock = nullptr;
    options.wall = nullptr;
  }
  std::shared_ptr<MemoryStore> store;
  if (info[0].IsUndefined()) {
    store = std::make_shared<MemoryStore>(options);
  } else {
    store = OpenNamedStore(Utf8(info.Env(), info[0]).view(), options, external_clock);
  }
  if (store == nullptr) return info.Env().Undefined();
  return Hold(info.Env(), kStoreTag, Store{std::move(store), external_clock});
}

Napi::Value MemoryStoreStats(const Napi::CallbackInfo& info) {
  const MemoryStore::Stats stats = Held<Store>(info[0], kStoreTag, "store").store->stats();
  auto out = Napi::Array::New(info.Env(), 3);
  out[0u] = static_cast<double>(stats.keys);
  out[1u] = static_cast<double>(stats.capacity);
  out[2u] = static_cast<double>(stats.evicted);
  return out;
}

Napi::Value MakeMemoryLimiter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& [store, external_clock] = Held<Store>(info[0], kStoreTag, "store");
  const auto bound = std::make_shared<Bound>(
      Environment::Of(env),
      MemoryLimiter(ReadPolicies(info[1], "policies"), store, Utf8(env, info[2]).view(),
                    {.limiter = Utf8(env, info[3]).Text(), .plan = Utf8(env, info[4]).Text()}),
      external_clock);
  auto out = Napi::Object::New(env);
  const auto add = [&](const char* name, napi_callback callback) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, bound.get(), &function) !=
        napi_ok) {
      throw Napi::Error::New(env);
    }
    KeepAlive(Napi::Function(env, function), bound);
    out.Set(name, Napi::Value(env, function));
  };
  // Without a holder no slot can be taken.
  const bool has_slots = HasSlots(bound->limiter.policies());
  add("check", has_slots ? RefuseShort : Check);
  add("peek", has_slots ? RefuseShort : Peek);
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
