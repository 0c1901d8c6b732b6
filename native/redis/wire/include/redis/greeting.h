// What every connection begins with, and how its errors are shown.
#pragma once

#include <string>
#include <string_view>

#include "redis/endpoint.h"

namespace sluice::redis {

/// Whether the server is told who we are.
bool NeedsAuth(const Endpoint& endpoint, std::string_view password);

/// Appends AUTH. Precondition: NeedsAuth.
void AppendAuth(const Endpoint& endpoint, std::string_view password, std::string& out);

/// Whether the answer to AUTH says that the server asks for no password: it serves without.
bool AsksForNoPassword(std::string_view error);

/// ErrorText for AUTH, whose arguments are secret: nothing but the code, "WRONGPASS".
std::string AuthErrorText(std::string_view error);

}  // namespace sluice::redis
