// Where Redis servers are, as JavaScript says it.
#pragma once

#include <napi.h>

#include "redis/server_set.h"

namespace sluice::addon {

/// A set from { mode: 'single' | 'cluster' | 'sentinel', servers: [endpoint], node: endpoint,
/// master }; the last two only where redis::ServerSet has them. An endpoint is { host, port, path,
/// user, password, database, tls, passwordSource }; its last two may be undefined.
redis::ServerSet ReadServers(const Napi::Value& value);

/// Adds to `exports`:
///   parseRedisUrl(url, defaultPort) -> { host, port, path, user, password, database, address,
///     secure }, or why it is refused
///   makeTls({ ca, cert, key, servername, verify }) -> what `tls` above is, or the option at fault
///     and why: [name, reason]
///   makePasswordSource(id) -> what `passwordSource` above is
///   onPasswordWanted(receiver): see PasswordDesk::SetReceiver
///   answerPassword(ticket, password | undefined, why | undefined)
void ExportRedisEndpoint(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
