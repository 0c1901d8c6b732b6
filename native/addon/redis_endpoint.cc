// Servers, TLS options and password sources for the I/O thread.
#include "redis_endpoint.h"

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "environment.h"
#include "password_bridge.h"
#include "redis/password.h"
#include "redis/tls.h"
#include "values.h"

namespace sluice::addon {
namespace {

using TlsPtr = std::shared_ptr<const redis::Tls>;
using SourcePtr = std::shared_ptr<redis::PasswordSource>;

std::string TextOf(const Napi::Object& from, const char* name) {
  return Utf8(from.Env(), from.Get(name)).Text();
}

std::uint16_t ReadPort(const Napi::Value& value) {
  return static_cast<std::uint16_t>(ReadWhole(value, "a port", 0, 65535));
}

Napi::Value MakeTls(const Napi::CallbackInfo& info) {
  constexpr std::array kParts{"", "ca", "cert", "key", "passphrase", "servername"};
  const Napi::Env env = info.Env();
  const Napi::Object from = ReadObject(info[0], "TLS options");
  const redis::Tls::Options options{.ca = TextOf(from, "ca"),
                                    .cert = TextOf(from, "cert"),
                                    .key = TextOf(from, "key"),
                                    .passphrase = TextOf(from, "passphrase"),
                                    .server_name = TextOf(from, "servername"),
                                    .verify = ReadFlag(from.Get("verify"), "verify")};
  redis::Tls::Fault fault;
  if (TlsPtr tls = redis::Tls::Make(options, fault)) return Hold(env, kTlsTag, std::move(tls));
  auto refusal = Napi::Array::New(env, 2);
  refusal[0u] = std::string(kParts[static_cast<std::size_t>(fault.part)]);
  refusal[1u] = fault.reason;
  return refusal;
}

Napi::Value MakePasswordSource(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const auto id = static_cast<std::uint32_t>(ReadWhole(info[0], "a source's id", 0, kMost));
  return Hold(env, kPasswordSourceTag, Environment::Of(env).passwords().MakeSource(id));
}

void OnPasswordWanted(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).passwords().SetReceiver(ReadFunction(info[0], "the receiver"));
}

void AnswerPassword(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  PasswordBridge& bridge = Environment::Of(env).passwords();
  const auto ticket = static_cast<std::uint64_t>(ReadWhole(info[0], "a ticket", 0, kLargestExact));
  if (info[1].IsString()) {
    bridge.Give(ticket, Utf8(env, info[1]).Text());
  } else {
    bridge.Refuse(ticket, Utf8(env, info[2]).Text());
  }
}

redis::Endpoint ReadEndpoint(const Napi::Value& value) {
  constexpr std::int64_t kMostDatabases = std::numeric_limits<std::int32_t>::max();
  const Napi::Object from = ReadObject(value, "an endpoint");
  redis::Endpoint endpoint;
  endpoint.host = TextOf(from, "host");
  endpoint.port = ReadPort(from.Get("port"));
  endpoint.path = TextOf(from, "path");
  endpoint.user = TextOf(from, "user");
  endpoint.password = TextOf(from, "password");
  const Napi::Value source = from.Get("passwordSource");
  if (!source.IsUndefined()) {
    endpoint.password_source = Held<SourcePtr>(source, kPasswordSourceTag, "passwordSource");
  }
  endpoint.database =
      static_cast<int>(ReadWhole(from.Get("database"), "a database", 0, kMostDatabases));
  const Napi::Value tls = from.Get("tls");
  if (!tls.IsUndefined()) endpoint.tls = Held<TlsPtr>(tls, kTlsTag, "tls");
  return endpoint;
}

}  // namespace

redis::ServerSet ReadServers(const Napi::Value& value) {
  constexpr std::uint32_t kMostServers = 65536;
  const Napi::Object from = ReadObject(value, "servers");
  const std::string mode = TextOf(from, "mode");
  const Napi::Array given = ReadList(from.Get("servers"), "servers", 1, kMostServers);
  std::vector<redis::Endpoint> servers;
  const std::uint32_t length = given.Length();
  for (std::uint32_t i = 0; i < length; ++i) servers.push_back(ReadEndpoint(given.Get(i)));
  if (mode == "single") return redis::ServerSet::Single(std::move(servers.front()));
  redis::Endpoint node = ReadEndpoint(from.Get("node"));
  if (mode == "cluster") return redis::ServerSet::Cluster(std::move(servers), std::move(node));
  if (mode == "sentinel") {
    return redis::ServerSet::Sentinel(std::move(servers), TextOf(from, "master"), std::move(node));
  }
  throw Napi::TypeError::New(from.Env(), "mode must be 'single', 'cluster' or 'sentinel'");
}

void ExportRedisEndpoint(Napi::Env env, Napi::Object exports) {
  exports.Set("makeTls", Napi::Function::New(env, MakeTls));
  exports.Set("makePasswordSource", Napi::Function::New(env, MakePasswordSource));
  exports.Set("onPasswordWanted", Napi::Function::New(env, OnPasswordWanted));
  exports.Set("answerPassword", Napi::Function::New(env, AnswerPassword));
}

}  // namespace sluice::addon
