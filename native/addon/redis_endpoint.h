// The addresses of Redis servers, from JavaScript.
#pragma once

#include <napi.h>

#include "redis/server_set.h"

namespace sluice::addon {

/// Reads a set from { mode: 'single' | 'cluster' | 'sentinel', servers: [endpoint], node: endpoint,
/// master }; the last two only if redis::ServerSet has them. An endpoint is { host, port, path,
/// user, password, database, tls, passwordSource }; its last two may be undefined.
redis::ServerSet ReadServers(const Napi::Value& value);

/// Adds to `exports`:
///   makeTls({ ca, cert, key, servername, verify }) -> a value for `tls` above, or the wrong option
///     and the reason: [name, reason]
///   makePasswordSource(id) -> a value for `passwordSource` above
///   onPasswordWanted(receiver): see PasswordBridge::SetReceiver
///   answerPassword(ticket, password | undefined, why | undefined)
void ExportRedisEndpoint(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
