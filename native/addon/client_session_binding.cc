// The backend over a user's client, on the environment's thread.
#include "client_session_binding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "redis/client_session.h"
#include "redis/error_reply.h"
#include "redis/slot.h"
#include "store/clock.h"
#include "values.h"

namespace sluice::addon {
namespace {

// Only spreads the probes of many processes, so it need not be secret.
std::uint64_t Seed() { return std::bit_cast<std::array<std::uint64_t, 2>>(RandomSeed())[0]; }

// Used on one thread.
class ClientSessionBackend final : public redis::Backend {
 public:
  /// `maps_slots`: requests wait until Route has set the nodes of their slots.
  ClientSessionBackend(std::string address, bool cluster, bool maps_slots)
      : address_(std::move(address)),
        maps_slots_(maps_slots),
        session_(OptionsOf(cluster), Seed()) {}

  ~ClientSessionBackend() override {
    SubmitRouted();
    session_.Close();
    HandOver();
  }

  void Submit(std::vector<redis::Request>&& requests) override {
    std::ranges::move(requests, std::back_inserter(to_route_));
    if (!maps_slots_) SubmitRouted();
  }

  bool HasToRoute() const { return !to_route_.empty(); }

  /// The slots of the waiting requests, each once. Valid until the next call of this class.
  std::span<const std::uint16_t> SlotsToRoute() {
    slots_.clear();
    for (const redis::Request& request : to_route_) {
      if (const auto slot = redis::SlotOf(request)) slots_.push_back(*slot);
    }
    std::ranges::sort(slots_);
    slots_.erase(std::unique(slots_.begin(), slots_.end()), slots_.end());
    return slots_;
  }

  /// Passes on the requests of the last SlotsToRoute. `nodes`: one for each of its slots. False if
  /// their number differs.
  bool Route(std::span<const std::uint32_t> nodes) {
    if (nodes.size() != slots_.size()) return false;
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes_[slots_[i]] = nodes[i];
    slots_.clear();
    SubmitRouted();
    return true;
  }

  void Publish(const std::shared_ptr<const redis::Metadata>& metadata) override {
    metadata_->Add(metadata);
  }

  std::vector<redis::NodeStats> stats() const override {
    const redis::LatencyHistogram& latency = session_.latency();
    return {{.address = address_,
             .session = session_.stats(),
             .latency = {.p50 = latency.Quantile(0.5),
                         .p99 = latency.Quantile(0.99),
                         .p999 = latency.Quantile(0.999)},
             .warnings = session_.warnings()}};
  }

  void Watch(const std::shared_ptr<redis::Watcher>& watcher) override {
    // An environment has one.
    watcher_ = watcher;
  }

  std::vector<redis::ClientSession::Command> TakeCommands() { return session_.TakeCommands(); }

  void OnReply(std::uint64_t id, const redis::Reply& reply) {
    session_.OnReply(id, reply, clock_.Now());
    HandOver();
  }

  void OnLost(std::uint64_t id, std::string_view why) {
    session_.OnLost(id, why, clock_.Now());
    HandOver();
  }

  void OnTime() {
    const Nanos now = clock_.Now();
    if (now >= session_.NextTime()) session_.OnTime(now);
    HandOver();
  }

  double MillisUntil(Nanos time) const {
    if (time == kNever) return std::numeric_limits<double>::infinity();
    const Nanos left = std::max(time - clock_.Now(), Nanos{0});
    return std::chrono::duration<double, std::milli>(left).count();
  }
  double MillisUntilDue() const { return MillisUntil(session_.NextTime()); }

 private:
  void HandOver() {
    for (redis::Delivery& delivery : session_.TakeDeliveries()) {
      delivery.sink->Deliver(delivery.finished);
    }
    for (const redis::BreakerState state : session_.TakeBreakerChanges()) {
      if (const auto watcher = watcher_.lock()) watcher->OnBreaker(address_, state);
    }
    for (const redis::Warning& warning : session_.TakeWarnings()) {
      if (const auto watcher = watcher_.lock()) watcher->OnWarning(address_, warning);
    }
  }

  void SubmitRouted() {
    std::vector<redis::Request> requests = std::exchange(to_route_, {});
    if (!requests.empty()) session_.Submit(requests, clock_.Now());
    HandOver();
  }

  redis::ClientSession::Options OptionsOf(bool cluster) {
    redis::ClientSession::Options options{.cluster = cluster, .metadata = metadata_};
    if (maps_slots_) {
      nodes_.resize(redis::kSlots);
      options.node_of = [this](std::uint16_t slot) { return nodes_[slot]; };
    }
    return options;
  }

  const std::string address_;
  const bool maps_slots_;
  const MonotonicClock clock_;
  const std::shared_ptr<redis::MetadataList> metadata_ = std::make_shared<redis::MetadataList>();
  std::vector<redis::Request> to_route_;
  std::vector<std::uint16_t> slots_;  // of to_route_, at JavaScript's last call
  std::vector<std::uint32_t> nodes_;  // by slot, from JavaScript's last call
  redis::ClientSession session_;
  std::weak_ptr<redis::Watcher> watcher_;
};

using BackendPtr = std::shared_ptr<redis::Backend>;

ClientSessionBackend& SessionOf(const Napi::CallbackInfo& info) {
  return *static_cast<ClientSessionBackend*>(info.Data());
}

std::uint64_t IdOf(const Napi::CallbackInfo& info) {
  return static_cast<std::uint64_t>(ReadWhole(info[0], "a command's id", 0, kLargestExact));
}

Napi::Value Take(const Napi::CallbackInfo& info) {
  ClientSessionBackend& session = SessionOf(info);
  const Napi::Env env = info.Env();
  const std::vector<redis::ClientSession::Command> commands = session.TakeCommands();
  if (commands.empty()) return env.Undefined();
  auto out = Napi::Array::New(env, commands.size());
  for (std::uint32_t i = 0; i < commands.size(); ++i) {
    const redis::ClientSession::Command& command = commands[i];
    auto pieces = Napi::Array::New(env, command.pieces.size());
    for (std::uint32_t j = 0; j < command.pieces.size(); ++j) {
      pieces[j] = command.pieces[j];
    }
    auto one = Napi::Array::New(env, 5);
    one[0u] = static_cast<double>(command.id);
    one[1] = std::string(command.name);
    one[2] = pieces;
    one[3] = static_cast<double>(command.first_key);
    one[4] = session.MillisUntil(command.deadline);
    out[i] = one;
  }
  return out;
}

// Digits, because some clients can return numbers as text.
std::optional<std::int64_t> NumberIn(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::string> TextOf(const Napi::Value& value) {
  if (value.IsString()) return Utf8(value.Env(), value).Text();
  if (!value.IsBuffer()) return std::nullopt;
  const auto buffer = value.As<Napi::Buffer<char>>();
  return std::string(buffer.Data(), buffer.Length());
}

// Reads a whole number, or a text that is not a number.
void ReadElement(const Napi::Value& value, redis::Reply& reply) {
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    constexpr double kLargest = 9'007'199'254'740'992;
    if (std::trunc(number) == number && std::abs(number) <= kLargest) {
      reply.integers.push_back(static_cast<std::int64_t>(number));
      return;
    }
  } else if (value.IsBigInt()) {
    bool whole = false;
    reply.integers.push_back(value.As<Napi::BigInt>().Int64Value(&whole));
    if (whole) return;
  } else if (std::optional<std::string> text = TextOf(value)) {
    if (const auto number = NumberIn(*text)) {
      reply.integers.push_back(*number);
    } else {
      reply.text = std::move(*text);
    }
    return;
  }
  reply.kind = redis::Reply::Kind::kOther;
}

redis::Reply ReplyFrom(const Napi::Value& value) {
  using Kind = redis::Reply::Kind;
  redis::Reply reply;
  if (!value.IsArray()) {
    reply.kind = Kind::kText;
    ReadElement(value, reply);
    if (reply.kind == Kind::kText && !reply.integers.empty()) reply.kind = Kind::kInteger;
    return reply;
  }
  const auto array = value.As<Napi::Array>();
  const std::uint32_t count = array.Length();
  if (count > redis::ReplyReader::kMostElements) return reply;
  reply.kind = Kind::kArray;
  reply.integers.reserve(count);
  for (std::uint32_t i = 0; i < count && reply.kind == Kind::kArray; ++i) {
    const Napi::HandleScope scope(value.Env());
    // A text ends the array.
    if (!reply.text.empty()) reply.kind = Kind::kOther;
    ReadElement(array.Get(i), reply);
  }
  return reply;
}

void OnReply(const Napi::CallbackInfo& info) {
  SessionOf(info).OnReply(IdOf(info), ReplyFrom(info[1]));
}

void OnFailure(const Napi::CallbackInfo& info) {
  const std::string why = Utf8(info.Env(), info[1]).Text();
  if (redis::ErrorCode(why).empty()) {
    SessionOf(info).OnLost(IdOf(info), redis::ErrorText(why));
  } else {
    SessionOf(info).OnReply(IdOf(info),
                            {.kind = redis::Reply::Kind::kError, .text = why, .integers = {}});
  }
}

Napi::Value Due(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), SessionOf(info).MillisUntilDue());
}

void OnTime(const Napi::CallbackInfo& info) { SessionOf(info).OnTime(); }

// The slots whose nodes JavaScript must look up; undefined if no request waits for that.
Napi::Value Slots(const Napi::CallbackInfo& info) {
  if (!SessionOf(info).HasToRoute()) return info.Env().Undefined();
  const std::span<const std::uint16_t> slots = SessionOf(info).SlotsToRoute();
  auto out = Napi::Array::New(info.Env(), slots.size());
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    out[i] = static_cast<std::uint32_t>(slots[i]);
  }
  return out;
}

// (nodes): a node's number for each of these slots.
void Route(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const Napi::Array list = ReadList(info[0], "nodes", 0, redis::kSlots);
  std::vector<std::uint32_t> nodes;
  const std::uint32_t length = list.Length();
  for (std::uint32_t i = 0; i < length; ++i) {
    nodes.push_back(static_cast<std::uint32_t>(ReadWhole(list.Get(i), "a node", 0, kMost)));
  }
  if (!SessionOf(info).Route(nodes)) {
    throw Napi::RangeError::New(info.Env(), "nodes must be as many as the slots");
  }
}

Napi::Value MakeClientSession(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto session = std::make_shared<ClientSessionBackend>(
      Utf8(env, info[0]).Text(), ReadFlag(info[1], "cluster"), ReadFlag(info[2], "mapsSlots"));
  auto out = Napi::Object::New(env);
  out.Set("backend", Hold<BackendPtr>(env, kBackendTag, session));
  const auto add = [&](const char* name, auto callback) {
    auto function = Napi::Function::New(env, callback, name, session.get());
    KeepAlive(function, session);
    out.Set(name, function);
  };
  add("slots", Slots);
  add("route", Route);
  add("take", Take);
  add("reply", OnReply);
  add("fail", OnFailure);
  add("due", Due);
  add("onTime", OnTime);
  return out;
}

}  // namespace

std::shared_ptr<redis::Backend> ReadBackend(const Napi::Value& held) {
  return Held<BackendPtr>(held, kBackendTag, "backend");
}

void ExportClientSession(Napi::Env env, Napi::Object exports) {
  exports.Set("makeClientSession", Napi::Function::New(env, MakeClientSession));
}

}  // namespace sluice::addon
