// One client per process and set of servers.
#include "redis/client.h"

#include <map>
#include <mutex>
#include <utility>

#include "io_thread.h"

namespace sluice::redis {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<ServerSet, std::weak_ptr<Client>> clients;
};

// Never destroyed: clients may be released while the process ends.
Registry& TheRegistry() {
  static auto* const registry = new Registry;
  return *registry;
}

}  // namespace

std::shared_ptr<Client> Client::Acquire(const ServerSet& set) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  std::erase_if(registry.clients, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<Client>& slot = registry.clients[set];
  std::shared_ptr<Client> client = slot.lock();
  if (!client) {
    client = std::shared_ptr<Client>(new Client(set));
    slot = client;
  }
  return client;
}

std::shared_ptr<Client> Client::Acquire(const Endpoint& server) {
  return Acquire(ServerSet::Single(server));
}

Client::Client(const ServerSet& set) : set_(set), io_(std::make_unique<IoThread>(set)) {}

Client::~Client() = default;

void Client::Submit(std::vector<Request>&& requests) {
  if (!requests.empty()) io_->Submit(std::move(requests));
}

void Client::PutUp(const std::shared_ptr<const Notice>& notice) { io_->PutUp(notice); }

std::vector<NodeStats> Client::stats() const { return io_->stats(); }

LinkStats Client::others() const { return io_->others(); }

void Client::Watch(const std::shared_ptr<Watcher>& watcher) { io_->Watch(watcher); }

}  // namespace sluice::redis
