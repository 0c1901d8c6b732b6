// poll(), and what it says is ready.
#include "io_thread.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <random>
#include <utility>

#include "connection.h"
#include "redis/link.h"
#include "signals.h"
#include "wakeup.h"

namespace sluice::redis {
namespace {

// Lone checks are worth spinning for: measured against a server on loopback, a quarter off the
// median time of a check. With more under way, spinning only takes time from those who work.
constexpr std::size_t kFew = 2;
constexpr Nanos kSpin = std::chrono::microseconds(100);
constexpr unsigned kRest = 200;  // waits without spinning after one that came to nothing

Nanos Now() { return std::chrono::steady_clock::now().time_since_epoch(); }

// The time since 1970, less Now().
Nanos Wall() { return std::chrono::system_clock::now().time_since_epoch() - Now(); }

// Only spreads reconnects of many processes; need not be secret.
std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    seed = static_cast<std::uint64_t>(Now().count());
  }
  return seed;
}

// Rounded up, so that what is waited for has come when poll() returns.
int PollTimeout(Nanos until, Nanos now) {
  if (until == kNever) return -1;
  if (until <= now) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  return static_cast<int>(std::min<std::int64_t>(ms, 60'000));
}

}  // namespace

class IoThread::Loop {
 public:
  explicit Loop(const Endpoint& endpoint)
      : endpoint_(endpoint),
        wakeup_(std::make_shared<const Wakeup>()),
        link_({.endpoint = endpoint, .examines = true}, RandomSeed(), Now()),
        connection_(link_, endpoint_, wakeup_) {}

  void Submit(std::vector<Request>&& requests) {
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

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wakeup_->Ring();
  }

  std::vector<NodeStats> stats() const {
    NodeStats node{.address = endpoint_.Address(), .link = {}, .latency = {}, .warnings = {}};
    {
      const std::lock_guard lock(mutex_);
      node.link = stats_;
      node.warnings = warnings_;
      node.link.submitted += incoming_.size();
      node.link.queue_depth += incoming_.size();
    }
    const LatencyHistogram& latency = link_.latency();
    node.latency = {.p50 = latency.Quantile(0.5),
                    .p99 = latency.Quantile(0.99),
                    .p999 = latency.Quantile(0.999)};
    return {std::move(node)};
  }

  void Watch(const std::shared_ptr<Watcher>& watcher) {
    std::vector<Warning> known;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(watchers_, [](const auto& other) { return other.expired(); });
      for (const auto& other : watchers_) {
        if (other.lock() == watcher) return;
      }
      watchers_.push_back(watcher);
      known = warnings_;
    }
    for (const Warning& warning : known) watcher->OnWarning(endpoint_.Address(), warning);
  }

  void Run() {
    while (TakeIncoming()) {
      connection_.Follow();
      connection_.Write();
      Deliver();
      Wait();
      const Nanos now = Now();
      if (now >= link_.NextTime()) link_.OnTime(now);
    }
    link_.Close();
    connection_.Close();
    Deliver();
  }

 private:
  // False when it is time to stop.
  bool TakeIncoming() {
    std::vector<Request> taken;
    bool stopping = false;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(incoming_);
      rung_ = false;
      stopping = stopping_;
      stats_ = link_.stats();
    }
    if (!taken.empty()) link_.Submit(taken, Now());
    return !stopping;
  }

  void Wait() {
    std::array<pollfd, 2> polled{{{wakeup_->fd(), POLLIN, 0}, connection_.Polled()}};
    const int timeout = connection_.IsOutOfDate() ? 0 : PollTimeout(link_.NextTime(), Now());
    int ready = 0;
    if (timeout != 0 && link_.RequestsUnderWay() > 0 && link_.RequestsUnderWay() <= kFew) {
      ready = Spin(polled);
    }
    if (ready == 0) ready = poll(polled.data(), polled.size(), timeout);
    if (ready < 0) polled[0].revents = polled[1].revents = 0;
    if (polled[0].revents != 0) wakeup_->Clear();
    connection_.OnPolled(polled[1].revents);
  }

  // Looks for the reply to a lone check without going to sleep: being woken takes longer than a
  // server on the same machine does. One that takes longer is soon left alone.
  int Spin(std::array<pollfd, 2>& polled) {
    if (in_vain_ > 0) {
      --in_vain_;
      return 0;
    }
    const Nanos until = Now() + kSpin;
    int ready = 0;
    while (ready == 0 && Now() < until) ready = poll(polled.data(), polled.size(), 0);
    if (ready == 0) in_vain_ = kRest;
    return ready;
  }

  void Deliver() {
    TellWatchers();
    std::vector<Link::Delivery> deliveries = link_.TakeDeliveries();
    if (deliveries.empty()) return;
    {
      // Who has an answer in hand finds it counted.
      const std::lock_guard lock(mutex_);
      stats_ = link_.stats();
    }
    for (Link::Delivery& delivery : deliveries) delivery.sink->Deliver(delivery.completions);
  }

  void TellWatchers() {
    const std::vector<BreakerState> changes = link_.TakeBreakerChanges();
    if (changes.empty() && !link_.IsExamined()) return;
    const std::vector<Warning> warnings = link_.TakeWarnings(Wall());
    std::vector<std::weak_ptr<Watcher>> watchers;
    {
      // At once, so that who begins to watch is told of a warning here or there, and not twice.
      const std::lock_guard lock(mutex_);
      watchers = watchers_;
      warnings_ = link_.warnings();
    }
    const std::string address = endpoint_.Address();
    for (const auto& known : watchers) {
      const auto watcher = known.lock();
      if (!watcher) continue;
      for (const BreakerState state : changes) watcher->OnBreaker(address, state);
      for (const Warning& warning : warnings) watcher->OnWarning(address, warning);
    }
  }

  const Endpoint endpoint_;
  const std::shared_ptr<const Wakeup> wakeup_;

  mutable std::mutex mutex_;
  std::vector<Request> incoming_;  // guarded by mutex_, as are the next five
  bool rung_ = false;              // since incoming_ was last taken
  bool stopping_ = false;
  LinkStats stats_;
  std::vector<Warning> warnings_;
  std::vector<std::weak_ptr<Watcher>> watchers_;

  // The rest is the thread's own.
  Link link_;
  Connection connection_;
  unsigned in_vain_ = 0;  // waits to go without spinning, since that came to nothing
};

IoThread::IoThread(const Endpoint& endpoint) : loop_(std::make_shared<Loop>(endpoint)) {
  const SignalsBlocked blocked;
  thread_ = std::thread([loop = loop_] { loop->Run(); });
}

IoThread::~IoThread() {
  loop_->Stop();
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void IoThread::Submit(std::vector<Request>&& requests) { loop_->Submit(std::move(requests)); }

std::vector<NodeStats> IoThread::stats() const { return loop_->stats(); }

void IoThread::Watch(const std::shared_ptr<Watcher>& watcher) { loop_->Watch(watcher); }

}  // namespace sluice::redis
