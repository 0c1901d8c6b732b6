// Name lookups: a limited number at a time, once for all waiters, and never waited for.
#include "resolver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sluice::redis {
namespace {

// A name server that answers when the test allows it.
class NameServer {
 public:
  Lookup::Result Find(const std::string& host) {
    std::unique_lock lock(mutex_);
    ++asked_[host];
    most_at_work_ = std::max(most_at_work_, ++at_work_);
    changed_.notify_all();
    changed_.wait(lock, [this] { return answers_; });
    --at_work_;
    changed_.notify_all();
    return {.addresses = {}, .error = "no " + host};
  }

  void Answer() {
    const std::lock_guard lock(mutex_);
    answers_ = true;
    changed_.notify_all();
  }
  void WaitUntilAtWork(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return at_work_ >= count; });
  }
  void WaitUntilIdle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return at_work_ == 0; });
  }
  std::size_t most_at_work() {
    const std::lock_guard lock(mutex_);
    return most_at_work_;
  }
  std::map<std::string, int> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool answers_ = false;
  std::size_t at_work_ = 0;
  std::size_t most_at_work_ = 0;
  std::map<std::string, int> asked_;
};

class ResolverTest : public ::testing::Test {
 protected:
  ~ResolverTest() override {
    names->Answer();
    names->WaitUntilIdle();
  }

  std::unique_ptr<Resolver> MakeResolver() {
    return std::make_unique<Resolver>(
        wakeup, [names = names](const std::string& host) { return names->Find(host); });
  }

  // Each result wakes the loop.
  void WaitFor(const Lookup& lookup) const {
    pollfd one{.fd = wakeup->fd(), .events = POLLIN, .revents = 0};
    while (!lookup.Done()) {
      poll(&one, 1, -1);
      wakeup->Clear();
    }
  }

  const std::shared_ptr<NameServer> names = std::make_shared<NameServer>();
  const std::shared_ptr<const Wakeup> wakeup = std::make_shared<const Wakeup>();
};

TEST_F(ResolverTest, ManyNamesAreLookedUpByAFewThreads) {
  const auto resolver = MakeResolver();
  std::vector<std::shared_ptr<Lookup>> lookups;
  for (int i = 0; i < 2000; ++i) lookups.push_back(resolver->Start("n" + std::to_string(i)));
  names->WaitUntilAtWork(Resolver::kMostThreads);
  names->Answer();
  for (int i = 0; i < 2000; ++i) {
    WaitFor(*lookups[static_cast<std::size_t>(i)]);
    EXPECT_EQ(lookups[static_cast<std::size_t>(i)]->result().error, "no n" + std::to_string(i));
  }
  EXPECT_EQ(names->most_at_work(), Resolver::kMostThreads);
  EXPECT_EQ(names->asked().size(), 2000U);
}

TEST_F(ResolverTest, ANameIsLookedUpOnceForAllWaiters) {
  const auto resolver = MakeResolver();
  const auto first = resolver->Start("a");
  names->WaitUntilAtWork(1);
  EXPECT_EQ(resolver->Start("a"), first);
  names->Answer();
  WaitFor(*first);
  EXPECT_EQ(names->asked()["a"], 1);
  // Results are not kept: the next lookup starts again.
  WaitFor(*resolver->Start("a"));
  EXPECT_EQ(names->asked()["a"], 2);
}

TEST_F(ResolverTest, ANameWithoutWaitersIsNotLookedUp) {
  const auto resolver = MakeResolver();
  std::vector<std::shared_ptr<Lookup>> busy;
  for (const char* name : {"a", "b", "c", "d"}) busy.push_back(resolver->Start(name));
  names->WaitUntilAtWork(4);
  resolver->Start("left");
  const auto last = resolver->Start("last");
  names->Answer();
  WaitFor(*last);
  EXPECT_FALSE(names->asked().contains("left"));
}

TEST_F(ResolverTest, ALaterWaiterSharesALookupInProgress) {
  const auto resolver = MakeResolver();
  auto left = resolver->Start("a");
  names->WaitUntilAtWork(1);
  left.reset();
  const auto again = resolver->Start("a");
  names->Answer();
  WaitFor(*again);
  EXPECT_EQ(names->asked()["a"], 1);
}

TEST_F(ResolverTest, TooManyNamesAreRefused) {
  const auto resolver = MakeResolver();
  std::vector<std::shared_ptr<Lookup>> lookups;
  for (std::size_t i = 0; i < Resolver::kMostThreads + Resolver::kMostNames; ++i) {
    lookups.push_back(resolver->Start("n" + std::to_string(i)));
    if (i < Resolver::kMostThreads) names->WaitUntilAtWork(i + 1);
    ASSERT_FALSE(lookups.back()->Done());
  }
  const auto refused = resolver->Start("one more");
  ASSERT_TRUE(refused->Done());
  EXPECT_EQ(refused->result().error,
            "the host's name was not looked up: too many names wait for the name server");
}

TEST_F(ResolverTest, ItsDestructorDoesNotWaitForTheNameServer) {
  auto resolver = MakeResolver();
  std::vector<std::shared_ptr<Lookup>> lookups;
  for (int i = 0; i < 10; ++i) lookups.push_back(resolver->Start("n" + std::to_string(i)));
  names->WaitUntilAtWork(Resolver::kMostThreads);
  resolver.reset();
  names->Answer();
  names->WaitUntilIdle();
  EXPECT_EQ(names->asked().size(), Resolver::kMostThreads) << "nobody waits for the others";
}

TEST_F(ResolverTest, AddressesWrittenAsNumbersNeedNoNameServer) {
  const auto resolver = MakeResolver();
  for (const char* host : {"127.0.0.1", "::1"}) {
    const auto lookup = resolver->Start(host);
    ASSERT_TRUE(lookup->Done());
    ASSERT_EQ(lookup->result().addresses.size(), 1U);
    Address address = lookup->result().addresses[0];
    address.SetPort(7);
    if (address.storage.ss_family == AF_INET6) {
      EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port), 7);
    } else {
      EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port), 7);
    }
  }
  EXPECT_TRUE(names->asked().empty());
}

}  // namespace
}  // namespace sluice::redis
