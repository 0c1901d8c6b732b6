// What the addon exports; js/native.ts declares the types.
#include <napi.h>

#include <memory>

#include "core/token_bucket.h"
#include "environment.h"
#include "memory_binding.h"
#include "redis_binding.h"
#include "values.h"

namespace sluice::addon {
namespace {

// (capacity, refill, everyUs) -> why these numbers are refused: a PolicyFault, 0 if they are not.
Napi::Value TokenBucketFault(const Napi::CallbackInfo& info) {
  const auto number = [&info](std::size_t i) { return info[i].As<Napi::Number>().DoubleValue(); };
  PolicyFault fault = PolicyFault::kNone;
  TokenBucket::Make(static_cast<std::int64_t>(number(0)), static_cast<std::int64_t>(number(1)),
                    FromMicros(number(2)), fault);
  return Napi::Number::New(info.Env(), static_cast<double>(fault));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env, exports));
  exports.Set("tokenBucketFault", Napi::Function::New(env, TokenBucketFault));
  exports.Set("maxPolicies", static_cast<double>(kMaxPolicies));
  ExportMemory(env, exports);
  ExportRedis(env, exports);
  return exports;
}

NODE_API_MODULE(sluice, Init)

}  // namespace
}  // namespace sluice::addon
