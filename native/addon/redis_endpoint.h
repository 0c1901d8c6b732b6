// Where a Redis server is, as JavaScript says it.
#pragma once

#include <napi.h>

#include "redis/endpoint.h"

namespace sluice::addon {

/// An endpoint from { host, port, path, user, password, database, tls, passwordSource }; the last
/// two may be undefined.
redis::Endpoint ReadEndpoint(const Napi::Object& from);

/// Adds to `exports`:
///   parseRedisUrl(url) -> { host, port, path, user, password, database, address, secure }, or why
///     it is refused
///   makeTls({ ca, cert, key, servername, verify }) -> what `tls` above is, or the option at fault
///     and why: [name, reason]
///   makePasswordSource(id) -> what `passwordSource` above is
///   onPasswordWanted(receiver): see PasswordDesk::SetReceiver
///   answerPassword(ticket, password | undefined, why | undefined)
void ExportRedisEndpoint(Napi::Env env, Napi::Object exports);

}  // namespace sluice::addon
