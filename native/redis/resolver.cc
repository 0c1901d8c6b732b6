// Runs getaddrinfo where it can take its time.
#include "resolver.h"

#include <netdb.h>
#include <sys/un.h>

#include <csignal>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "signals.h"

namespace sluice::redis {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Lookup::Result Resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* list = nullptr;
  const int status = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (status != 0)
    return {{}, "the host's name could not be resolved: " + std::string(gai_strerror(status))};
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  Lookup::Result result;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    Address& address = result.addresses.emplace_back();
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.length = info->ai_addrlen;
  }
  return result;
}

}  // namespace

Address UnixAddress(const std::string& path) {
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  path.copy(named.sun_path, sizeof named.sun_path - 1);
  Address address;
  std::memcpy(&address.storage, &named, sizeof named);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

std::shared_ptr<Lookup> Lookup::Start(const std::string& host, std::uint16_t port,
                                      std::shared_ptr<const Wakeup> done) {
  auto lookup = std::make_shared<Lookup>();
  Result numeric = Resolve(host, port, AI_NUMERICHOST);
  if (!numeric.addresses.empty()) {
    lookup->Finish(std::move(numeric));
    return lookup;
  }
  try {
    const SignalsBlocked blocked;
    std::thread([lookup, host, port, done = std::move(done)] {
      lookup->Finish(Resolve(host, port, 0));
      done->Ring();
    }).detach();
  } catch (const std::system_error& error) {
    lookup->Finish({{}, std::string("no thread to resolve the host's name: ") + error.what()});
  }
  return lookup;
}

bool Lookup::Done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

void Lookup::Finish(Result result) {
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
  done_ = true;
}

}  // namespace sluice::redis
