// The Redis side of the addon: the JavaScript thread only appends to a queue.
#include "redis_binding.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer_queue.h"
#include "environment.h"
#include "limiter/redis_limiter.h"
#include "redis/client.h"
#include "redis_endpoint.h"
#include "relay_binding.h"
#include "store/clock.h"
#include "values.h"

namespace sluice::addon {
namespace {

struct Bound {
  explicit Bound(Environment& the_environment) : environment(the_environment) {}
  Environment& environment;
  std::unique_ptr<RedisLimiter> limiter;  // null once closed
  std::vector<RedisLimiter::Question> queued;
  std::vector<RedisLimiter::Question> spare;  // empty: the room of those before
  MonotonicClock clock;
};

Bound& BoundOf(const Napi::CallbackInfo& info) { return *static_cast<Bound*>(info.Data()); }

// (kind, key | keys, cost, ticket, holder?, shard?, id?): queues a question.
// cost < 0: the rest of the call stands in the exchange.
void Ask(const Napi::CallbackInfo& info) {
  Bound& bound = BoundOf(info);
  if (bound.limiter == nullptr) return;
  const Napi::Env env = info.Env();
  RedisLimiter::Question& question = bound.queued.emplace_back();
  question.kind = static_cast<redis::Request::Kind>(info[0].As<Napi::Number>().Uint32Value());
  question.ticket = static_cast<std::uint64_t>(info[3].As<Napi::Number>().Int64Value());
  if (info[1].IsString()) question.key = Utf8(env, info[1]).Text();
  const double cost = info[2].As<Napi::Number>().DoubleValue();
  if (cost >= 0) {
    question.costs = static_cast<std::int64_t>(cost);
    return;
  }
  const std::size_t count = bound.limiter->policies().size();
  const Call call = bound.environment.ReadCall(count);
  question.costs = redis::Costs(std::span(call.a).first(count));
  question.details = std::make_unique<RedisLimiter::Details>();
  RedisLimiter::Details& details = *question.details;
  using Kind = redis::Request::Kind;
  if (question.kind == Kind::kCheck || question.kind == Kind::kPeek) {
    std::copy_n(call.b.begin(), count, details.limits.begin());
    if (call.span >= Nanos{0}) details.max_wait = call.span;
  } else if (call.has_marks) {
    details.marks = call.b;
  }
  details.block_for = call.span;
  details.which = call.which;
  if (call.charged_here) details.charged_by = Source::kLocal;
  if (info[1].IsArray()) {
    const auto keys = info[1].As<Napi::Array>();
    for (std::uint32_t i = 0; i < count; ++i) details.keys.push_back(Utf8(env, keys.Get(i)).Text());
  }
  if (info[4].IsString()) details.holder = ReadHolder(Utf8(env, info[4]).view());
  if (info[5].IsString()) details.shard = Utf8(env, info[5]).Text();
  if (info[6].IsString()) details.id = Utf8(env, info[6]).Text();
}

void Flush(const Napi::CallbackInfo& info) {
  Bound& bound = BoundOf(info);
  if (bound.limiter == nullptr || bound.queued.empty()) return;
  bound.environment.answers().Expect(bound.queued.size());
  // Kept from turn to turn; whatever runs meanwhile may ask.
  std::vector<RedisLimiter::Question> taken =
      std::exchange(bound.queued, std::exchange(bound.spare, {}));
  bound.limiter->Submit(taken, bound.clock.Now());
  taken.clear();
  bound.spare = std::move(taken);
}

Napi::Object StatsOf(Napi::Env env, const redis::NodeStats& node) {
  const redis::LinkStats& link = node.link;
  auto out = Napi::Object::New(env);
  const auto set = [&out](const char* name, std::uint64_t value) {
    out.Set(name, static_cast<double>(value));
  };
  const auto set_time = [&out](const char* name, Nanos time) {
    out.Set(name, std::chrono::duration<double, std::milli>(time).count());
  };
  out.Set("address", node.address);
  out.Set("connected", link.connected);
  out.Set("breaker", std::string(redis::BreakerStateName(link.breaker)));
  set("breakerOpenings", link.breaker_openings);
  set("submitted", link.submitted);
  set("completed", link.completed);
  set("timeouts", link.timeouts);
  set("shed", link.shed);
  set("faults", link.faults);
  set("retries", link.retries);
  set("batches", link.batches);
  out.Set("meanBatch", link.batches == 0
                           ? 0.0
                           : static_cast<double>(link.batched) / static_cast<double>(link.batches));
  set("largestBatch", link.largest_batch);
  set("reconnects", link.reconnects);
  set("scriptReloads", link.script_reloads);
  set("queueDepth", link.queue_depth);
  set_time("p50Ms", node.latency.p50);
  set_time("p99Ms", node.latency.p99);
  set_time("p999Ms", node.latency.p999);
  auto warnings = Napi::Array::New(env, node.warnings.size());
  for (std::uint32_t i = 0; i < node.warnings.size(); ++i) {
    auto warning = Napi::Object::New(env);
    warning.Set("warning", std::string(redis::WarningName(node.warnings[i].code)));
    warning.Set("detail", node.warnings[i].detail);
    warnings[i] = warning;
  }
  out.Set("warnings", warnings);
  return out;
}

// One object of what came to no server, or to one that is gone; then one for each server.
Napi::Value Stats(const Napi::CallbackInfo& info) {
  const Bound& bound = BoundOf(info);
  if (bound.limiter == nullptr) return info.Env().Undefined();
  const redis::Gateway& gateway = bound.limiter->gateway();
  const std::vector<redis::NodeStats> nodes = gateway.stats();
  redis::NodeStats others;
  others.link = gateway.others();
  auto out = Napi::Array::New(info.Env(), nodes.size() + 1);
  out[0U] = StatsOf(info.Env(), others);
  for (std::uint32_t i = 0; i < nodes.size(); ++i) out[i + 1] = StatsOf(info.Env(), nodes[i]);
  return out;
}

void Close(const Napi::CallbackInfo& info) { BoundOf(info).limiter.reset(); }

Napi::Value MakeRedisLimiter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto from = info[0].As<Napi::Object>();
  const auto number = [&from](const char* name) {
    return from.Get(name).As<Napi::Number>().DoubleValue();
  };
  RedisLimiter::Options options;
  options.policies = ReadPolicies(from.Get("policies").As<Napi::Array>());
  options.prefix = Utf8(env, from.Get("prefix")).Text();
  options.on_store_error = static_cast<StoreErrorRule>(number("onStoreError"));
  options.deadline = FromMicros(number("deadlineUs"));
  options.denial_cache = from.Get("denialCache").As<Napi::Boolean>();
  options.ids = {.limiter = Utf8(env, from.Get("idScope")).Text(),
                 .plan = Utf8(env, from.Get("plan")).Text()};
  options.description = Utf8(env, from.Get("description")).Text();
  if (options.on_store_error == StoreErrorRule::kLocal) {
    options.local_policies = ReadPolicies(from.Get("localPolicies").As<Napi::Array>());
    options.local_share = number("localShare");
    options.local = std::make_shared<MemoryStore>(MemoryStore::Options{
        .max_keys = static_cast<std::size_t>(number("maxKeys")),
        .seed = RandomSeed(),
        .wall_offset = Nanos{static_cast<std::int64_t>(number("wallOffsetUs")) * 1000},
        .clock = &MonotonicClock::Instance()});
  }

  const auto bound = std::make_shared<Bound>(Environment::Of(env));
  const auto acquire = [&from]() -> std::shared_ptr<redis::Gateway> {
    if (auto given = ReadGateway(from.Get("gateway"))) return given;
    return redis::Client::Acquire(ReadServers(from.Get("servers").As<Napi::Object>()));
  };
  const std::shared_ptr<AnswerQueue> answers = bound->environment.SharedAnswers();
  bound->limiter = std::make_unique<RedisLimiter>(options, acquire(), answers);
  bound->limiter->gateway().Watch(answers);

  auto out = Napi::Object::New(env);
  const auto add = [&](const char* name, auto callback) {
    auto function = Napi::Function::New(env, callback, name, bound.get());
    // Each function keeps what it is bound to alive.
    function.AddFinalizer([](Napi::Env, std::shared_ptr<Bound>* held) { delete held; },
                          new std::shared_ptr<Bound>(bound));
    out.Set(name, function);
  };
  add("ask", Ask);
  add("flush", Flush);
  add("stats", Stats);
  add("close", Close);
  return out;
}

void OnAnswers(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).answers().SetReceiver(info[0].As<Napi::Function>());
}

void OnBreaker(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).answers().SetBreakerReceiver(info[0].As<Napi::Function>());
}

void OnWarning(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).answers().SetWarningReceiver(info[0].As<Napi::Function>());
}

}  // namespace

void ExportRedis(Napi::Env env, Napi::Object exports) {
  exports.Set("makeRedisLimiter", Napi::Function::New(env, MakeRedisLimiter));
  exports.Set("onAnswers", Napi::Function::New(env, OnAnswers));
  exports.Set("onBreaker", Napi::Function::New(env, OnBreaker));
  exports.Set("onWarning", Napi::Function::New(env, OnWarning));
  auto faults = Napi::Array::New(env);
  for (std::uint32_t i = 0; i <= static_cast<std::uint32_t>(redis::Fault::kCrossSlot); ++i) {
    faults[i] = std::string(redis::FaultName(static_cast<redis::Fault>(i)));
  }
  exports.Set("redisFaults", faults);
}

}  // namespace sluice::addon
