// Limiters over Redis: their functions, and the receivers of answers and events.
#include "redis_binding.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "answer_bridge.h"
#include "client_session_binding.h"
#include "environment.h"
#include "limiter/redis_limiter.h"
#include "password_bridge.h"
#include "redis/connect.h"
#include "redis_endpoint.h"
#include "store/clock.h"
#include "store/store_registry.h"
#include "values.h"

namespace sluice::addon {
namespace {

constexpr auto kLastKind = static_cast<std::int64_t>(Operation::kLastKind);
constexpr auto kLastRule = static_cast<std::int64_t>(StoreErrorRule::kThrow);
constexpr std::int64_t kLongestDeadlineUs = 60'000'000;

struct Bound {
  explicit Bound(Environment& the_environment) : environment(the_environment) {}
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;
  ~Bound() { Close(); }

  // Before there is a connection, which may need a password at once.
  void Enter(napi_env env, bool asks_for_passwords) {
    environment.answers().Enter(env);
    answers = environment.SharedAnswers();
    if (!asks_for_passwords) return;
    environment.passwords().Enter(env);
    passwords = environment.SharedPasswords();
  }

  void Close() {
    limiter.reset();
    if (const auto left = std::exchange(answers, nullptr)) left->Leave();
    if (const auto left = std::exchange(passwords, nullptr)) left->Leave();
  }

  // Not for the destructor, which may run after the environment has ended.
  Environment& environment;
  std::shared_ptr<AnswerBridge> answers;      // null: not entered
  std::shared_ptr<PasswordBridge> passwords;  // null: not entered
  std::unique_ptr<RedisLimiter> limiter;      // null once closed
  bool has_slots = false;
  Answer answer;  // kept from call to call, as making one costs more than filling one in
};

// Shared by all limiters and threads of the process.
const std::shared_ptr<KeyChanges>& ChangesOfProcess() {
  // Never destroyed: threads may outlive the process's static objects.
  static const auto* const changes =
      new std::shared_ptr<KeyChanges>(std::make_shared<KeyChanges>());
  return *changes;
}

Bound& BoundOf(const Napi::CallbackInfo& info) { return *static_cast<Bound*>(info.Data()); }

RedisLimiter::Key ReadKey(const Napi::Value& keys, const Napi::Value& shard, std::size_t count) {
  const Napi::Env env = keys.Env();
  RedisLimiter::Key key;
  if (keys.IsArray()) {
    const auto size = static_cast<std::uint32_t>(count);
    const Napi::Array each = ReadList(keys, "keys", size, size);
    for (std::uint32_t i = 0; i < size; ++i) key.each.push_back(Utf8(env, each.Get(i)).Text());
  } else {
    key.one = Utf8(env, keys).Text();
  }
  if (!shard.IsUndefined()) key.shard = Utf8(env, shard).Text();
  return key;
}

// (kind, key | keys, cost, ticket, holder?, shard?, id?): answers or queues an operation, once all
// of it is read.
Napi::Value Ask(const Napi::CallbackInfo& info) {
  Bound& bound = BoundOf(info);
  const Napi::Env env = info.Env();
  if (bound.limiter == nullptr) return env.Undefined();
  const auto kind = static_cast<Operation::Kind>(ReadWhole(info[0], "a kind", 0, kLastKind));
  const auto ticket = static_cast<std::uint64_t>(ReadWhole(info[3], "a ticket", 0, kLargestExact));
  const std::int64_t cost = ReadWhole(info[2], "a cost", -1, kLargestCost);
  const std::vector<Policy>& policies = bound.limiter->policies();
  Operation operation{.kind = kind, .costs = cost};
  if (cost < 0) {
    // Before keys: reading an array may run code that leaves another call in the exchange.
    auto options = std::make_shared<Operation::Options>();
    operation = bound.environment.ReadOperation(kind, policies, info[4], info[6], *options);
    operation.options = std::move(options);
  } else if (!operation.decides() || info[1].IsArray() || bound.has_slots) {
    throw Napi::RangeError::New(env, "a call with one number must have one key and no slots");
  }
  const RedisLimiter::Key key = ReadKey(info[1], info[5], policies.size());
  // Code that the array of keys ran may have closed it.
  if (bound.limiter == nullptr) return env.Undefined();
  std::int32_t code = kQueued;
  if (bound.limiter->Ask(std::move(operation), key, ticket, bound.answer)) {
    code = WriteAnswer(bound.answer, bound.environment.exchange());
  }
  return Napi::Number::New(env, code);
}

void Flush(const Napi::CallbackInfo& info) {
  Bound& bound = BoundOf(info);
  if (bound.limiter != nullptr) bound.environment.answers().Expect(bound.limiter->Flush());
}

Napi::Object StatsOf(Napi::Env env, const redis::NodeStats& node) {
  const redis::SessionStats& session = node.session;
  auto out = Napi::Object::New(env);
  const auto set = [&out](const char* name, std::uint64_t value) {
    out.Set(name, static_cast<double>(value));
  };
  const auto set_time = [&out](const char* name, Nanos time) {
    out.Set(name, std::chrono::duration<double, std::milli>(time).count());
  };
  out.Set("address", node.address);
  out.Set("connected", session.connected);
  out.Set("breaker", std::string(redis::BreakerStateName(session.breaker)));
  set("breakerOpenings", session.breaker_openings);
  set("submitted", session.submitted);
  set("completed", session.completed);
  set("timeouts", session.timeouts);
  set("shed", session.shed);
  set("faults", session.faults);
  set("retries", session.retries);
  set("batches", session.batches);
  out.Set("meanBatch", session.batches == 0 ? 0.0
                                            : static_cast<double>(session.batched) /
                                                  static_cast<double>(session.batches));
  set("largestBatch", session.largest_batch);
  set("reconnects", session.reconnects);
  set("scriptReloads", session.script_reloads);
  set("queueDepth", session.queue_depth);
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

// First an object for requests that reached no server, or a former one; then one for each server.
Napi::Value Stats(const Napi::CallbackInfo& info) {
  const Bound& bound = BoundOf(info);
  if (bound.limiter == nullptr) return info.Env().Undefined();
  const redis::Backend& backend = bound.limiter->backend();
  const std::vector<redis::NodeStats> nodes = backend.stats();
  redis::NodeStats others;
  others.session = backend.others();
  auto out = Napi::Array::New(info.Env(), nodes.size() + 1);
  out[0U] = StatsOf(info.Env(), others);
  for (std::uint32_t i = 0; i < nodes.size(); ++i) out[i + 1] = StatsOf(info.Env(), nodes[i]);
  return out;
}

void Close(const Napi::CallbackInfo& info) { BoundOf(info).Close(); }

// Begins the names of the stores that decide while Redis does not; no memory() may open them.
const std::string kFallback("\0fallback ", 10);
// Shared by all plans.
constexpr std::uint32_t kMostNumbers = 1 << 20;

bool AsksForPasswords(const redis::ServerSet& set) {
  const auto asks = [](const redis::Endpoint& one) { return one.password_source != nullptr; };
  return std::ranges::any_of(set.servers, asks) || asks(set.node);
}

Napi::Value MakeRedisLimiter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object from = ReadObject(info[0], "options");
  const auto whole = [&from](const char* name, std::int64_t least, std::int64_t most) {
    return ReadWhole(from.Get(name), name, least, most);
  };
  const auto text = [&from](const char* name) { return Utf8(from.Env(), from.Get(name)).Text(); };
  RedisLimiter::Options options;
  options.policies = ReadPolicies(from.Get("policies"), "policies");
  options.prefix = text("prefix");
  options.on_store_error = static_cast<StoreErrorRule>(whole("onStoreError", 0, kLastRule));
  options.deadline = FromMicros(whole("deadlineUs", 1, kLongestDeadlineUs));
  options.clock = std::make_shared<const MonotonicClock>();
  options.changes = ChangesOfProcess();
  options.denial_cache = ReadFlag(from.Get("denialCache"), "denialCache");
  options.ids = {.limiter = text("idScope"), .plan = text("plan")};
  options.description = text("description");
  if (options.on_store_error == StoreErrorRule::kLocal) {
    options.local_policies = ReadPolicies(from.Get("localPolicies"), "localPolicies");
    const auto same = [](const Policy& one, const Policy& other) {
      return one.name == other.name && one.algorithm.index() == other.algorithm.index();
    };
    if (!std::ranges::equal(options.policies, options.local_policies, same)) {
      throw Napi::RangeError::New(env, "localPolicies must be as policies, but for their numbers");
    }
    options.local_share = ReadNumber(from.Get("localShare"), "localShare");
    if (!(options.local_share > 0 && options.local_share <= 1)) {
      throw Napi::RangeError::New(env, "localShare must be above 0 and at most 1");
    }
    options.local_clock = std::make_shared<const BootClock>();
    // One for all limiters of the process, so that an outage grants a shared policy once.
    options.local =
        OpenNamedStore(kFallback + text("localStore"),
                       MemoryStore::OnMachineClocks(
                           static_cast<std::size_t>(whole("maxKeys", 1, kMostKeys)), RandomSeed()),
                       false);
    if (!options.local) throw Napi::RangeError::New(env, "localStore is open with other maxKeys");
  }
  const Napi::Array numbers = ReadList(from.Get("numbers"), "numbers", 0, kMostNumbers);
  for (std::uint32_t i = 0; i < numbers.Length(); ++i) {
    const Napi::HandleScope scope(env);
    const Napi::Array pair = ReadList(numbers.Get(i), "numbers of a policy", 2, 2);
    options.numbers.emplace_back(Utf8(env, pair.Get(0u)).Text(), Utf8(env, pair.Get(1)).Text());
  }

  const auto bound = std::make_shared<Bound>(Environment::Of(env));
  bound->has_slots = HasSlots(options.policies);
  const Napi::Value held = from.Get("backend");
  std::shared_ptr<redis::Backend> backend;
  if (!held.IsUndefined()) {
    backend = ReadBackend(held);
    bound->Enter(env, false);
  } else {
    const redis::ServerSet servers = ReadServers(from.Get("servers"));
    bound->Enter(env, AsksForPasswords(servers));
    backend = redis::Connect(servers);
  }
  bound->limiter = std::make_unique<RedisLimiter>(options, std::move(backend), bound->answers);
  bound->limiter->backend().Watch(bound->answers);

  auto out = Napi::Object::New(env);
  const auto add = [&](const char* name, auto callback) {
    auto function = Napi::Function::New(env, callback, name, bound.get());
    KeepAlive(function, bound);
    out.Set(name, function);
  };
  add("ask", Ask);
  add("flush", Flush);
  add("stats", Stats);
  add("close", Close);
  return out;
}

void OnAnswers(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).answers().SetReceiver(ReadFunction(info[0], "the receiver"));
}

void OnBreaker(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).answers().SetBreakerReceiver(ReadFunction(info[0], "the receiver"));
}

void OnWarning(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).answers().SetWarningReceiver(ReadFunction(info[0], "the receiver"));
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
