// URLs, TLS options and passwords on their way to the I/O thread.
#include "redis_endpoint.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "environment.h"
#include "password_desk.h"
#include "redis/password.h"
#include "redis/tls.h"
#include "redis/url.h"
#include "values.h"

namespace sluice::addon {
namespace {

using TlsPtr = std::shared_ptr<const redis::Tls>;
using SourcePtr = std::shared_ptr<redis::PasswordSource>;

std::string TextOf(const Napi::Object& from, const char* name) {
  return Utf8(from.Env(), from.Get(name)).Text();
}

Napi::Value ParseRedisUrl(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  redis::Url url;
  redis::UrlFault fault;
  if (!redis::ParseUrl(Utf8(env, info[0]).view(), url, fault)) {
    return Napi::String::New(env, fault.reason);
  }
  redis::Endpoint& endpoint = url.endpoint;
  if (!url.port_given) {
    endpoint.port = static_cast<std::uint16_t>(info[1].As<Napi::Number>().Uint32Value());
  }
  auto out = Napi::Object::New(env);
  out.Set("host", endpoint.host);
  out.Set("port", endpoint.port);
  out.Set("path", endpoint.path);
  out.Set("user", endpoint.user);
  out.Set("password", endpoint.password);
  out.Set("database", endpoint.database);
  out.Set("address", endpoint.Address());
  out.Set("secure", url.tls);
  return out;
}

Napi::Value MakeTls(const Napi::CallbackInfo& info) {
  constexpr std::array kParts{"", "ca", "cert", "key", "passphrase", "servername"};
  const Napi::Env env = info.Env();
  const auto from = info[0].As<Napi::Object>();
  const redis::Tls::Options options{.ca = TextOf(from, "ca"),
                                    .cert = TextOf(from, "cert"),
                                    .key = TextOf(from, "key"),
                                    .passphrase = TextOf(from, "passphrase"),
                                    .server_name = TextOf(from, "servername"),
                                    .verify = from.Get("verify").ToBoolean()};
  redis::Tls::Fault fault;
  if (TlsPtr tls = redis::Tls::Make(options, fault)) return Hold(env, std::move(tls));
  auto refusal = Napi::Array::New(env, 2);
  refusal[0u] = std::string(kParts[static_cast<std::size_t>(fault.part)]);
  refusal[1u] = fault.reason;
  return refusal;
}

Napi::Value MakePasswordSource(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::uint32_t id = info[0].As<Napi::Number>().Uint32Value();
  return Hold(env, Environment::Of(env).passwords().MakeSource(id));
}

void OnPasswordWanted(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).passwords().SetReceiver(info[0].As<Napi::Function>());
}

void AnswerPassword(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  PasswordDesk& desk = Environment::Of(env).passwords();
  const auto ticket = static_cast<std::uint64_t>(info[0].As<Napi::Number>().Int64Value());
  if (info[1].IsString()) {
    desk.Give(ticket, Utf8(env, info[1]).Text());
  } else {
    desk.Refuse(ticket, Utf8(env, info[2]).Text());
  }
}

redis::Endpoint ReadEndpoint(const Napi::Object& from) {
  const auto number = [&from](const char* name) { return from.Get(name).As<Napi::Number>(); };
  redis::Endpoint endpoint;
  endpoint.host = TextOf(from, "host");
  endpoint.port = static_cast<std::uint16_t>(number("port").Uint32Value());
  endpoint.path = TextOf(from, "path");
  endpoint.user = TextOf(from, "user");
  endpoint.password = TextOf(from, "password");
  endpoint.password_source = Held<SourcePtr>(from.Get("passwordSource"));
  endpoint.database = number("database").Int32Value();
  endpoint.tls = Held<TlsPtr>(from.Get("tls"));
  return endpoint;
}

}  // namespace

redis::ServerSet ReadServers(const Napi::Object& from) {
  const std::string mode = TextOf(from, "mode");
  const auto given = from.Get("servers").As<Napi::Array>();
  std::vector<redis::Endpoint> servers;
  for (std::uint32_t i = 0; i < given.Length(); ++i) {
    servers.push_back(ReadEndpoint(given.Get(i).As<Napi::Object>()));
  }
  if (mode == "single") return redis::ServerSet::Single(std::move(servers.front()));
  redis::Endpoint node = ReadEndpoint(from.Get("node").As<Napi::Object>());
  if (mode == "cluster") return redis::ServerSet::Cluster(std::move(servers), std::move(node));
  return redis::ServerSet::Sentinel(std::move(servers), TextOf(from, "master"), std::move(node));
}

void ExportRedisEndpoint(Napi::Env env, Napi::Object exports) {
  exports.Set("parseRedisUrl", Napi::Function::New(env, ParseRedisUrl));
  exports.Set("makeTls", Napi::Function::New(env, MakeTls));
  exports.Set("makePasswordSource", Napi::Function::New(env, MakePasswordSource));
  exports.Set("onPasswordWanted", Napi::Function::New(env, OnPasswordWanted));
  exports.Set("answerPassword", Napi::Function::New(env, AnswerPassword));
}

}  // namespace sluice::addon
