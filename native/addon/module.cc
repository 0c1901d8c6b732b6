// What the addon exports; js/native.ts declares the types.
#include <napi.h>

#include <memory>

#include "core/tat_rule.h"
#include "environment.h"
#include "memory_binding.h"
#include "redis_binding.h"
#include "values.h"

namespace sluice::addon {
namespace {

// (most, rate, everyUs) -> why these numbers are refused: a PolicyFault, 0 if they are not.
Napi::Value TatPolicyFault(const Napi::CallbackInfo& info) {
  const auto number = [&info](std::size_t i) { return info[i].As<Napi::Number>().DoubleValue(); };
  PolicyFault fault = PolicyFault::kNone;
  MakeTatRule(static_cast<std::int64_t>(number(0)), static_cast<std::int64_t>(number(1)),
              FromMicros(number(2)), fault);
  return Napi::Number::New(info.Env(), static_cast<double>(fault));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env, exports));
  exports.Set("tatPolicyFault", Napi::Function::New(env, TatPolicyFault));
  exports.Set("maxPolicies", static_cast<double>(kMaxPolicies));
  ExportMemory(env, exports);
  ExportRedis(env, exports);
  return exports;
}

NODE_API_MODULE(sluice, Init)

}  // namespace
}  // namespace sluice::addon
