// The first commands of every connection, and their errors.
#pragma once

#include <string>
#include <string_view>

#include "redis/endpoint.h"

namespace sluice::redis {

/// Whether to send AUTH.
bool NeedsAuth(const Endpoint& endpoint, std::string_view password);

/// Appends AUTH. Precondition: NeedsAuth.
void AppendAuth(const Endpoint& endpoint, std::string_view password, std::string& out);

/// Whether the answer to AUTH says that the server needs no password: it serves without.
bool AsksForNoPassword(std::string_view error);

/// ErrorText for AUTH, whose arguments are secret: only the code, "WRONGPASS".
std::string AuthErrorText(std::string_view error);

}  // namespace sluice::redis
