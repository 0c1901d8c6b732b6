// The poll() loop.
#include "io_thread.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "connection.h"
#include "redis/router.h"
#include "signals.h"
#include "wakeup.h"

namespace sluice::redis {
namespace {

// Spinning pays for a single check: against a server on loopback it saves a quarter of the median
// time (measured). With more in flight it only takes CPU time from other work.
constexpr std::size_t kFew = 2;
constexpr Nanos kSpin = std::chrono::microseconds(100);
constexpr unsigned kRest = 200;  // waits without spinning after a wasted one

// Bytes from all servers between two checks of the timers: a few ms' work at most.
constexpr std::size_t kMostRead = 4 * 65536;

// The life of pending lookups without a connection: the next query comes far sooner, and older
// addresses and passwords may be out of date.
constexpr Nanos kKept = std::chrono::seconds(10);

Nanos Now() { return std::chrono::steady_clock::now().time_since_epoch(); }

// The time since 1970, less Now().
Nanos Wall() { return std::chrono::system_clock::now().time_since_epoch() - Now(); }

// Only spreads the reconnects of many processes, so it need not be secret.
std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    seed = static_cast<std::uint64_t>(Now().count());
  }
  return seed;
}

// Rounded up, so that the awaited time has come when poll() returns.
int PollTimeout(Nanos until, Nanos now) {
  if (until == kNever) return -1;
  if (until <= now) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  return static_cast<int>(std::min<std::int64_t>(ms, 60'000));
}

class Loop final : public Backend {
 public:
  explicit Loop(const ServerSet& set)
      : wakeup_(std::make_shared<const Wakeup>()),
        resolver_(wakeup_),
        router_(Router::Make(
            set, {.session = {.endpoint = {}, .checks_health = true, .metadata = metadata_}},
            RandomSeed(), Now())) {
    Sync();
  }

  // ---- On any thread

  void Submit(std::vector<Request>&& requests) override {
    if (requests.empty()) return;
    bool ring = false;
    {
      const std::lock_guard lock(mutex_);
      if (incoming_.empty()) {
        incoming_ = std::move(requests);
      } else {
        incoming_.insert(incoming_.end(), std::make_move_iterator(requests.begin()),
                         std::make_move_iterator(requests.end()));
      }
      ring = !std::exchange(rung_, true);
    }
    if (ring) wakeup_->Ring();
  }

  void Publish(const std::shared_ptr<const Metadata>& metadata) override {
    {
      const std::lock_guard lock(mutex_);
      new_metadata_.push_back(metadata);
    }
    wakeup_->Ring();
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wakeup_->Ring();
  }

  std::vector<NodeStats> stats() const override {
    std::vector<Published> published;
    {
      const std::lock_guard lock(mutex_);
      published = published_;
      // Counts unprocessed requests for the only server, or for none.
      if (published.size() == 1) AddIncoming(published.front().stats);
    }
    std::vector<NodeStats> nodes;
    for (auto& [member, stats, warnings] : published) {
      const LatencyHistogram& latency = member.session->latency();
      nodes.push_back({.address = member.address,
                       .session = stats,
                       .latency = {.p50 = latency.Quantile(0.5),
                                   .p99 = latency.Quantile(0.99),
                                   .p999 = latency.Quantile(0.999)},
                       .warnings = std::move(warnings)});
    }
    return nodes;
  }

  SessionStats others() const override {
    const std::lock_guard lock(mutex_);
    SessionStats others = others_;
    if (published_.size() != 1) AddIncoming(others);
    return others;
  }

  void Watch(const std::shared_ptr<Watcher>& watcher) override {
    std::vector<Published> known;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(watchers_, [](const auto& other) { return other.expired(); });
      for (const auto& other : watchers_) {
        if (other.lock() == watcher) return;
      }
      watchers_.push_back(watcher);
      known = published_;
    }
    for (const auto& [member, stats, warnings] : known) {
      for (const Warning& warning : warnings) watcher->OnWarning(member.address, warning);
    }
  }

  // ---- On the I/O thread

  void Run() {
    while (TakeIncoming()) {
      Sync();
      for (const auto& connection : connections_) {
        connection->Follow();
        connection->Write();
      }
      Deliver();
      Wait();
      const Nanos now = Now();
      if (now >= router_->NextTime()) {
        router_->OnTime(now);
      } else {
        router_->Advance(now);
      }
    }
    router_->Close();
    connections_.clear();
    Deliver();
  }

 private:
  struct Published {
    Router::Member member;
    SessionStats stats;
    std::vector<Warning> warnings;
  };

  struct Kept {
    PendingLookups pending;
    Nanos since{0};
  };

  // Returns false when it is time to stop.
  bool TakeIncoming() {
    std::vector<Request> taken;
    std::vector<std::shared_ptr<const Metadata>> published;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(incoming_);
      taken_ = taken.size();
      published.swap(new_metadata_);
      rung_ = false;
      stopping = stopping_;
    }
    if (!taken.empty()) router_->Submit(taken, Now());
    for (const auto& metadata : published) metadata_->Add(metadata);
    if (!published.empty()) router_->PublishMetadata(Now());
    return !stopping;
  }

  // Makes the connections match the router's protocols.
  void Sync() {
    if (version_ == router_->version()) return;
    version_ = router_->version();
    const auto& wanted = router_->protocols();
    std::unordered_map<const Protocol*, std::unique_ptr<Connection>> before;
    for (auto& connection : connections_) {
      before.emplace(connection->protocol().get(), std::move(connection));
    }
    std::vector<std::unique_ptr<Connection>> after;
    for (const auto& protocol : wanted) {
      const auto at = before.find(protocol.get());
      after.push_back(at == before.end() ? nullptr : std::move(at->second));
    }
    // Connections that end may pass pending lookups on to new ones.
    for (const auto& [protocol, connection] : before) {
      if (connection) Keep(*connection);
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (after[i]) continue;
      after[i] = std::make_unique<Connection>(wanted[i], KeptFor(wanted[i]->endpoint()), wakeup_,
                                              resolver_);
    }
    connections_ = std::move(after);
    const std::lock_guard lock(mutex_);
    published_.clear();
    for (const Router::Member& member : router_->members()) {
      published_.push_back({member, member.session->stats(), member.session->warnings()});
    }
    Publish();
  }

  // A topology query may end before its DNS lookup or password call. Keeps the pending result for
  // the next connection to that server.
  void Keep(Connection& connection) {
    const Nanos now = Now();
    if (now - kept_since_ > kKept) {
      std::erase_if(kept_, [now](const auto& kept) { return now - kept.second.since > kKept; });
      kept_since_ = now;
    }
    PendingLookups pending = connection.TakePending();
    if (!pending.any()) return;
    kept_.insert_or_assign(connection.protocol()->endpoint(), Kept{std::move(pending), now});
  }
  PendingLookups KeptFor(const Endpoint& endpoint) {
    const auto at = kept_.find(endpoint);
    if (at == kept_.end() || Now() - at->second.since > kKept) return {};
    PendingLookups pending = std::move(at->second.pending);
    kept_.erase(at);
    return pending;
  }

  // These two need the mutex.
  void AddIncoming(SessionStats& stats) const {
    stats.submitted += incoming_.size() + taken_;
    stats.queue_depth += incoming_.size() + taken_;
  }
  void Publish() {
    if (version_ == router_->version()) {
      for (const std::size_t index : router_->TakeChangedMembers()) {
        Published& published = published_[index];
        published.stats = published.member.session->stats();
      }
    }
    others_ = router_->others();
    taken_ = 0;
  }

  void Wait() {
    polled_.clear();
    polled_.push_back({wakeup_->fd(), POLLIN, 0});
    bool out_of_date = version_ != router_->version();
    for (const auto& connection : connections_) {
      polled_.push_back(connection->Polled());
      out_of_date = out_of_date || connection->IsOutOfDate() || connection->HasMore();
    }
    const int timeout = out_of_date ? 0 : PollTimeout(router_->NextTime(), Now());
    int ready = 0;
    if (timeout != 0) {
      const std::size_t in_flight = router_->requests_in_flight();
      if (in_flight > 0 && in_flight <= kFew) ready = Spin();
    }
    if (ready == 0) ready = poll(polled_.data(), polled_.size(), timeout);
    if (ready < 0) {
      for (pollfd& one : polled_) one.revents = 0;
    }
    if (polled_[0].revents != 0) wakeup_->Clear();
    // In turn, and with a limit: the rest is read the next time.
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < connections_.size() && bytes < kMostRead; ++i) {
      if (++next_read_ >= connections_.size()) next_read_ = 0;
      bytes += connections_[next_read_]->OnPolled(polled_[next_read_ + 1].revents, buffer_);
    }
  }

  // Polls for the reply to a single check without sleeping: waking up takes longer than the answer
  // of a server on the same machine. Soon gives up on a slower server.
  int Spin() {
    if (skips_ > 0) {
      --skips_;
      return 0;
    }
    const Nanos until = Now() + kSpin;
    int ready = 0;
    while (ready == 0 && Now() < until) ready = poll(polled_.data(), polled_.size(), 0);
    if (ready == 0) skips_ = kRest;
    return ready;
  }

  void Deliver() {
    TellWatchers();
    std::vector<Delivery> deliveries = router_->TakeDeliveries();
    {
      // Published before the answers, so that a caller with an answer finds it counted.
      const std::lock_guard lock(mutex_);
      Publish();
    }
    for (Delivery& delivery : deliveries) delivery.sink->Deliver(delivery.finished);
  }

  void TellWatchers() {
    const std::vector<Router::News> news =
        router_->TakeNews(router_->has_warnings() ? Wall() : Nanos{0});
    if (news.empty()) return;
    std::vector<std::weak_ptr<Watcher>> watchers;
    {
      // Copies watchers and warnings under one lock, so a new watcher gets each warning exactly
      // once.
      const std::lock_guard lock(mutex_);
      watchers = watchers_;
      for (auto& [member, stats, warnings] : published_) warnings = member.session->warnings();
    }
    for (const auto& known : watchers) {
      const auto watcher = known.lock();
      if (!watcher) continue;
      for (const auto& [address, states, warnings] : news) {
        for (const BreakerState state : states) watcher->OnBreaker(address, state);
        for (const Warning& warning : warnings) watcher->OnWarning(address, warning);
      }
    }
  }

  const std::shared_ptr<const Wakeup> wakeup_;
  Resolver resolver_;

  mutable std::mutex mutex_;
  std::vector<Request> incoming_;  // guarded by mutex_, as are the next seven
  std::size_t taken_ = 0;          // of them, not yet published
  std::vector<std::shared_ptr<const Metadata>> new_metadata_;
  bool rung_ = false;  // since incoming_ was last taken
  bool stopping_ = false;
  std::vector<Published> published_;
  SessionStats others_;
  std::vector<std::weak_ptr<Watcher>> watchers_;

  // The rest belongs to the thread.
  const std::shared_ptr<MetadataList> metadata_ = std::make_shared<MetadataList>();
  const std::unique_ptr<Router> router_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::uint64_t version_ = 0;  // the router's version for connections_
  std::map<Endpoint, Kept> kept_;
  Nanos kept_since_{0};  // the time of the last clean-up of kept_
  std::vector<pollfd> polled_;
  std::array<char, 65536> buffer_;
  std::size_t next_read_ = 0;  // the connection to read next
  unsigned skips_ = 0;         // remaining waits without spinning
};

}  // namespace

std::shared_ptr<Backend> StartIoThread(const ServerSet& set) {
  auto loop = std::make_shared<Loop>(set);
  const SignalsBlocked blocked;
  const auto thread = std::make_shared<std::thread>([loop] { loop->Run(); });
  Backend* const backend = loop.get();
  // The thread shares the loop, which outlives a release on the thread itself.
  return {backend, [loop = std::move(loop), thread](Backend*) {
            loop->Stop();
            if (thread->get_id() == std::this_thread::get_id()) {
              thread->detach();
            } else {
              thread->join();
            }
          }};
}

}  // namespace sluice::redis
