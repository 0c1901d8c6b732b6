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

struct Bound;

// The limiters of one environment, by their index. Null: the index is free.
struct Limiters {
  Environment& environment;
  std::vector<Bound*> by_index{};
};

// A limiter, which has its index as long as it exists.
struct Bound {
  Bound(std::shared_ptr<Limiters> its_limiters, MemoryLimiter its_limiter, bool its_external_clock)
      : limiters(std::move(its_limiters)),
        limiter(std::move(its_limiter)),
        external_clock(its_external_clock),
        has_slots(HasSlots(limiter.policies())) {
    auto& by_index = limiters->by_index;
    const auto free = std::ranges::find(by_index, static_cast<Bound*>(nullptr));
    index = static_cast<std::size_t>(free - by_index.begin());
    if (free == by_index.end()) by_index.emplace_back();
    by_index[index] = this;
  }
  ~Bound() { limiters->by_index[index] = nullptr; }
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

  const std::shared_ptr<Limiters> limiters;
  MemoryLimiter limiter;
  const bool external_clock;  // the store's
  const bool has_slots;
  std::size_t index;
  BootClock clock;
  Result result;  // kept from call to call: initialising one costs as much as a decision
};

// A call, read without the checks and objects of node-addon-api: this is the hottest path.
class Call {
 public:
  // Reads the limiter, which is the first argument.
  Call(napi_env env, napi_callback_info info) : env_(env) {
    void* data = nullptr;
    napi_get_cb_info(env, info, &argc_, args_.data(), nullptr, &data);
    limiters_ = static_cast<const Limiters*>(data);
    std::uint32_t index = kNoIndex;
    napi_get_value_uint32(env, args_[0], &index);
    const auto& by_index = limiters_->by_index;
    bound_ = index < by_index.size() ? by_index[index] : nullptr;
    if (bound_ == nullptr) throw Napi::RangeError::New(env, "a limiter's index must be in use");
  }

  Environment& environment() const { return limiters_->environment; }
  Bound& bound() const { return *bound_; }
  napi_value ValueAt(std::size_t index) const { return args_[index]; }

  std::int64_t WholeAt(std::size_t index, std::int64_t otherwise, const char* what,
                       std::int64_t least, std::int64_t most) const {
    if (index >= argc_) return otherwise;
    double number = std::numeric_limits<double>::quiet_NaN();
    napi_get_value_double(env_, args_[index], &number);
    return Whole(env_, number, what, least, most);
  }

  Nanos NowAt(std::size_t index) const {
    const std::int64_t now_us = WholeAt(index, -1, "nowUs", -1, kLargestExact);
    if (bound_->external_clock != (now_us >= 0)) {
      throw Napi::RangeError::New(env_, "nowUs must come from the store's own clock");
    }
    return now_us < 0 ? bound_->clock.Now() : FromMicros(now_us);
  }

  // Runs an operation and returns its code; the decisions of one that decides are in the exchange.
  napi_value Run(MemoryLimiter::Keys keys, const Operation& operation, Nanos now) const {
    Result& result = bound_->result;
    bound_->limiter.Execute(keys, operation, now, result);
    std::int32_t number = result.done ? 1 : 0;
    if (result.id_reused) {
      number = kIdReused;
    } else if (operation.is_of_reservation() &&
               (!operation.decides() || result.hold != HoldOutcome::kOk)) {
      number = WriteHold(result, bound_->limiter.policies().size(), environment().exchange());
    } else if (operation.decides()) {
      number = static_cast<std::int32_t>(WriteVerdict(result, environment().exchange()));
    }
    napi_value code = nullptr;
    napi_create_int32(env_, number, &code);
    return code;
  }

 private:
  static constexpr std::uint32_t kNoIndex = std::numeric_limits<std::uint32_t>::max();

  const napi_env env_;
  std::size_t argc_ = 6;
  std::array<napi_value, 6> args_;
  const Limiters* limiters_;
  Bound* bound_;
};

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

// One key, one cost and nothing else.
napi_value Decide(napi_env env, napi_callback_info info, Operation::Kind kind) {
  return Guarded(env, [=] {
    const Call call(env, info);
    if (call.bound().has_slots) {
      throw Napi::TypeError::New(env, "a call about slots must have a holder");
    }
    const std::int64_t cost = call.WholeAt(2, 1, "a cost", 0, kLargestCost);
    const Nanos now = call.NowAt(3);
    const KeyHash key = call.bound().limiter.Hash(Utf8(env, call.ValueAt(1)).view());
    return call.Run({&key, 1}, {.kind = kind, .costs = cost}, now);
  });
}

napi_value Check(napi_env env, napi_callback_info info) {
  return Decide(env, info, Operation::Kind::kCheck);
}

napi_value Peek(napi_env env, napi_callback_info info) {
  return Decide(env, info, Operation::Kind::kPeek);
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
    const Call call(env, info);
    const MemoryLimiter& limiter = call.bound().limiter;
    const auto kind = static_cast<Operation::Kind>(call.WholeAt(1, -1, "a kind", 0, kLastKind));
    // Before keys: reading an array may run code that writes another call to the exchange.
    Operation::Options options;
    Operation operation = call.environment().ReadOperation(
        kind, limiter.policies(), call.ValueAt(4), call.ValueAt(5), options);
    // Owns nothing: the options live as long as the call.
    operation.options = {std::shared_ptr<void>(), &options};
    std::array<KeyHash, kMaxPolicies> keys;
    const std::size_t count = ReadKeys(env, call.ValueAt(2), limiter, keys);
    return call.Run(std::span(keys).first(count), operation, call.NowAt(3));
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

Napi::Value MakeMemoryLimiter(const Napi::CallbackInfo& info,
                              const std::shared_ptr<Limiters>& limiters) {
  const Napi::Env env = info.Env();
  const auto& [store, external_clock] = Held<Store>(info[0], kStoreTag, "store");
  auto bound = std::make_shared<Bound>(
      limiters,
      MemoryLimiter(ReadPolicies(info[1], "policies"), store, Utf8(env, info[2]).view(),
                    {.limiter = Utf8(env, info[3]).Text(), .plan = Utf8(env, info[4]).Text()}),
      external_clock);
  auto handle = Napi::Object::New(env);
  handle.Set("index", static_cast<double>(bound->index));
  KeepAlive(handle, std::move(bound));
  return handle;
}

}  // namespace

void ExportMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("openMemoryStore", Napi::Function::New(env, OpenMemoryStore));
  exports.Set("memoryStoreStats", Napi::Function::New(env, MemoryStoreStats));
  const auto limiters = std::make_shared<Limiters>(Limiters{Environment::Of(env)});
  exports.Set("makeMemoryLimiter",
              Napi::Function::New(env, [limiters](const Napi::CallbackInfo& info) {
                return MakeMemoryLimiter(info, limiters);
              }));
  // One function of each kind for all limiters: V8 calls a function directly only if the call site
  // knows no other.
  const auto add = [&](const char* name, napi_callback callback) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, limiters.get(), &function) !=
        napi_ok) {
      throw Napi::Error::New(env);
    }
    KeepAlive(Napi::Function(env, function), limiters);
    exports.Set(name, Napi::Value(env, function));
  };
  add("memoryCheck", Check);
  add("memoryPeek", Peek);
  add("memoryAct", Act);
}

}  // namespace sluice::addon
