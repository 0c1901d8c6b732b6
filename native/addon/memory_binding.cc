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

using Kind = Operation::Kind;

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
  const bool external_clock;  // of the store
  BootClock clock;
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

// Runs the body of a callback; as in those of node-addon-api, its exceptions become JavaScript's.
template <typename Body>
napi_value Guarded(napi_env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    // Its status says nothing more: where JavaScript may not run, nobody sees the exception.
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

template <typename Decider>
napi_value Decide(napi_env env, napi_callback_info info, Decider decide) {
  const Arguments call = ReadArguments(env, info);
  const MemoryLimiter& limiter = call.bound->limiter;
  const std::size_t count = limiter.policies().size();
  std::array<std::int64_t, kMaxPolicies> costs;
  std::fill_n(costs.begin(), count, WholeAt(env, call, 1, 1, "a cost", 0, kLargestCost));
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

napi_value RefuseShort(napi_env env, napi_callback_info /*info*/) {
  napi_throw_type_error(env, nullptr, "a call about slots must have a holder");
  return nullptr;
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
  const auto count = static_cast<std::uint32_t>(limiter.policies().size());
  const Napi::Array list = ReadList(Napi::Value(env, from), "keys", count, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    keys[i] = limiter.Hash(Utf8(env, list.Get(i)).view());
  }
  return count;
}

// What a call comes to that says more than a key and a cost.
std::int32_t Do(Bound& bound, const Call& call, Kind kind, MemoryLimiter::Keys keys,
                HolderId holder, std::string_view id, Nanos now) {
  const MemoryLimiter& limiter = bound.limiter;
  const std::size_t count = limiter.policies().size();
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
      if (!id.empty()) limiter.ForgetId(keys, id, now);
      return limiter.Abort(keys, units, marks, call.limits, now) ? 1 : 0;
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
    const MemoryLimiter& limiter = call.bound->limiter;
    const auto kind = static_cast<Kind>(WholeAt(env, call, 0, -1, "a kind", 0, kLastKind));
    // Before keys: reading an array may run code that leaves another call in the exchange.
    const Call said = call.bound->environment.ReadCall(kind, limiter.policies());
    std::array<KeyHash, kMaxPolicies> keys;
    const std::size_t count = ReadKeys(env, call.args[1], limiter, keys);
    const auto text = [&](std::size_t index) -> std::optional<std::string> {
      napi_valuetype type = napi_undefined;
      if (index < call.argc) napi_typeof(env, call.args[index], &type);
      if (type == napi_undefined) return std::nullopt;
      return Utf8(env, call.args[index]).Text();
    };
    const std::optional<std::string> digits = text(3);
    const std::optional<std::string> id = text(4);
    const HolderId holder = digits ? ReadHolder(env, *digits) : HolderId{};
    if (!digits && HasSlots(limiter.policies()) &&
        (kind == Kind::kCheck || kind == Kind::kRelease || kind == Kind::kRenew)) {
      throw Napi::TypeError::New(env, "a call about slots must have a holder");
    }
    napi_value code = nullptr;
    napi_create_int32(env,
                      Do(*call.bound, said, kind, std::span(keys).first(count), holder,
                         id ? std::string_view(*id) : std::string_view(), NowAt(env, call, 2)),
                      &code);
    return code;
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
  // Without a holder there is nobody to take a slot.
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
