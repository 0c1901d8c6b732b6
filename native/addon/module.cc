// The addon's exports; js/native.ts declares their types.
#include <napi.h>

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "client_session_binding.h"
#include "environment.h"
#include "limiter/policy_claims.h"
#include "memory_binding.h"
#include "redis_binding.h"
#include "redis_endpoint.h"
#include "values.h"

namespace sluice::addon {
namespace {

// (policy) -> the PolicyFault of its numbers, 0 if they are valid.
Napi::Value PolicyFaultOf(const Napi::CallbackInfo& info) {
  PolicyFault fault = PolicyFault::kNone;
  ReadPolicy(info[0], fault);
  return Napi::Number::New(info.Env(), static_cast<double>(fault));
}

Algorithm AlgorithmOf(const Napi::CallbackInfo& info) {
  PolicyFault fault = PolicyFault::kNone;
  const std::optional<Policy> policy = ReadPolicy(info[0], fault);
  if (!policy) throw Napi::RangeError::New(info.Env(), "policyFault refuses the policy's numbers");
  return policy->algorithm;
}

// (policy) -> its largest limit for a single call.
Napi::Value LargestLimit(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(sluice::LargestLimit(AlgorithmOf(info))));
}

// (policy) -> the end of the names of its states.
Napi::Value StateTagOf(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), StateTag(AlgorithmOf(info)));
}

// (scope, [name, description][], place) -> a function that withdraws the claims (the garbage
// collector does so too). If another limiter describes a name otherwise: the name's index, and that
// limiter's description and place.
Napi::Value ClaimPolicies(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Utf8 scope(env, info[0]);
  const Utf8 place(env, info[2]);
  constexpr std::uint32_t kMostClaims = 1 << 20;
  const Napi::Array list = ReadList(info[1], "claims", 0, kMostClaims);
  auto claims = std::make_shared<std::vector<PolicyClaim>>();
  const std::uint32_t length = list.Length();
  for (std::uint32_t i = 0; i < length; ++i) {
    const Napi::HandleScope scope_of_one(env);
    const Napi::Array pair = ReadList(list.Get(i), "a claim", 2, 2);
    auto claim = PolicyClaim::Make(scope.view(), Utf8(env, pair.Get(0u)).view(),
                                   Utf8(env, pair.Get(1)).view(), place.view());
    if (const auto* const other = std::get_if<PolicyClaim::Other>(&claim)) {
      auto clash = Napi::Array::New(env, 3);
      clash[0u] = i;
      clash[1] = other->description;
      clash[2] = other->place;
      return clash;
    }
    claims->push_back(std::get<PolicyClaim>(std::move(claim)));
  }
  return Napi::Function::New(env, [claims](const Napi::CallbackInfo&) { claims->clear(); });
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto environment = std::make_unique<Environment>(env, exports);
  env.SetInstanceData(environment.get());
  static_cast<void>(environment.release());  // the instance data owns it
  exports.Set("policyFault", Napi::Function::New(env, PolicyFaultOf));
  exports.Set("largestLimit", Napi::Function::New(env, LargestLimit));
  exports.Set("stateTag", Napi::Function::New(env, StateTagOf));
  exports.Set("claimPolicies", Napi::Function::New(env, ClaimPolicies));
  exports.Set("maxPolicies", static_cast<double>(kMaxPolicies));
  ExportMemory(env, exports);
  ExportRedis(env, exports);
  ExportRedisEndpoint(env, exports);
  ExportClientSession(env, exports);
  return exports;
}

NODE_API_MODULE(sluice, Init)

}  // namespace
}  // namespace sluice::addon
