// getaddrinfo on a few threads.
#include "resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <csignal>
#include <cstddef>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "signals.h"

namespace sluice::redis {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Lookup::Result Resolve(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
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

void Address::SetPort(std::uint16_t port) {
  if (storage.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  } else if (storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  }
}

Address UnixAddress(const std::string& path) {
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  path.copy(named.sun_path, sizeof named.sun_path - 1);
  Address address;
  std::memcpy(&address.storage, &named, sizeof named);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
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

// ---- Resolver

struct Resolver::Shared {
  // Takes the next name that is still wanted. Call with the mutex.
  std::optional<std::string> TakeName() {
    while (!names.empty()) {
      std::string name = std::move(names.front());
      names.pop_front();
      const auto at = lookups.find(name);
      if (at == lookups.end()) continue;
      if (!at->second.expired()) return name;
      lookups.erase(at);
    }
    return std::nullopt;
  }

  const std::shared_ptr<const Wakeup> done;
  const Find find;
  std::mutex mutex;
  std::deque<std::string> names = {};  // waiting names; guarded by mutex, as are the next two
  // Names that wait or are being looked up.
  std::map<std::string, std::weak_ptr<Lookup>> lookups = {};
  std::size_t threads = 0;
};

Resolver::Resolver(std::shared_ptr<const Wakeup> done, Find find)
    : shared_(new Shared{.done = std::move(done), .find = std::move(find), .mutex = {}}) {}

Resolver::~Resolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->names.clear();
  shared_->lookups.clear();
}

Lookup::Result Resolver::FindByName(const std::string& host) { return Resolve(host, 0); }

std::shared_ptr<Lookup> Resolver::Start(const std::string& host) {
  auto lookup = std::make_shared<Lookup>();
  Lookup::Result numeric = Resolve(host, AI_NUMERICHOST);
  if (!numeric.addresses.empty()) {
    lookup->Finish(std::move(numeric));
    return lookup;
  }
  Shared& shared = *shared_;
  const std::lock_guard lock(shared.mutex);
  const auto [at, fresh] = shared.lookups.try_emplace(host);
  if (auto same = at->second.lock()) return same;
  if (fresh && shared.names.size() == kMostNames) {
    shared.lookups.erase(at);
    lookup->Finish(
        {{}, "the host's name was not looked up: too many names wait for the name server"});
    return lookup;
  }
  at->second = lookup;
  if (!fresh) return lookup;
  shared.names.push_back(host);
  if (shared.threads == kMostThreads) return lookup;
  try {
    const SignalsBlocked blocked;
    std::thread([kept = shared_] { Work(kept); }).detach();
    ++shared.threads;
  } catch (const std::system_error& error) {
    if (shared.threads > 0) return lookup;  // another thread takes it
    shared.names.pop_back();
    shared.lookups.erase(at);
    lookup->Finish({{}, std::string("no thread to resolve the host's name: ") + error.what()});
  }
  return lookup;
}

// Runs on a thread: looks up one name after the other.
void Resolver::Work(const std::shared_ptr<Shared>& shared) {
  for (;;) {
    std::optional<std::string> name;
    {
      const std::lock_guard lock(shared->mutex);
      name = shared->TakeName();
      if (!name) {
        --shared->threads;
        return;
      }
    }
    Lookup::Result result = shared->find(*name);
    std::shared_ptr<Lookup> wanted;
    {
      const std::lock_guard lock(shared->mutex);
      const auto at = shared->lookups.find(*name);
      if (at == shared->lookups.end()) continue;
      wanted = at->second.lock();
      shared->lookups.erase(at);
    }
    if (!wanted) continue;
    wanted->Finish(std::move(result));
    shared->done->Ring();
  }
}

}  // namespace sluice::redis
