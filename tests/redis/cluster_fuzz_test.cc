// A random cluster: slots move, masters die and are replaced, replies arrive in pieces. Every
// request is answered once and in time, and is executed at most once.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>

#include "redis/router_driver.h"
#include "redis/slot.h"
#include "support/seed.h"

namespace sluice::redis {
namespace {

using Line = RouterDriver::Line;

constexpr int kParts = 8;  // the number of slot ranges that move

// A cluster as its clients see it.
class Cluster {
 public:
  explicit Cluster(testing::Random& random) : random_(random) {}

  std::string Hear(Line& line, const SentCommand& command) {
    const std::uint16_t port = line.port();
    if (command[0] == "CLUSTER") return Table();
    const std::string tag = TagOf(command.at(3));
    const int keys = std::stoi(command.at(2));
    for (int i = 0; i < keys; ++i) {
      EXPECT_EQ(SlotOfTag(TagOf(command.at(3 + static_cast<std::size_t>(i)))), SlotOfTag(tag))
          << "the keys of one command are in different slots";
    }
    const std::uint16_t slot = SlotOfTag(tag);
    const int part = slot / (kSlots / kParts);
    const std::string to = std::to_string(slot) + " h:";
    const auto moving = moving_.find(part);
    if (owners_[part] != port) {
      const bool imports = moving != moving_.end() && moving->second == port && line.asking;
      if (!imports) return "-MOVED " + to + std::to_string(owners_[part]) + "\r\n";
      if (keys > 1) return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
      return Execute(command);
    }
    if (moving != moving_.end()) {
      int missing = 0;
      for (int i = 0; i < keys; ++i) {
        missing += std::hash<std::string>()(command.at(3 + static_cast<std::size_t>(i))) % 2 == 0;
      }
      if (missing > 0 && missing < keys) return "-TRYAGAIN Multiple keys\r\n";
      if (missing > 0) return "-ASK " + to + std::to_string(moving->second) + "\r\n";
    }
    return Execute(command);
  }

  // Returns the port of a master that has just died; 0 if none has.
  std::uint16_t Change() {
    const int part = static_cast<int>(random_.Between(0, kParts - 1));
    switch (random_.Between(0, 9)) {
      case 0:
      case 1:
      case 2:
        if (!moving_.contains(part)) moving_[part] = SomeNode();
        if (moving_[part] == owners_[part]) moving_.erase(part);
        return 0;
      case 3:
      case 4:
      case 5:
        if (moving_.contains(part)) owners_[part] = moving_[part];
        moving_.erase(part);
        return 0;
      case 6:
        return Kill();
      default:
        return 0;
    }
  }

  void Settle() {
    down_.clear();
    moving_.clear();
  }

  bool IsUp(std::uint16_t port) const { return !down_.contains(port); }

  std::map<std::string, int> executed;  // by the key's tag

 private:
  std::uint16_t SomeNode() { return static_cast<std::uint16_t>(random_.Between(1, nodes_)); }

  // Its replica, which has another port, takes over.
  std::uint16_t Kill() {
    const std::uint16_t dead = owners_[static_cast<int>(random_.Between(0, kParts - 1))];
    down_.insert(dead);
    const auto heir = static_cast<std::uint16_t>(nodes_ < 12 ? ++nodes_ : SomeNode());
    down_.erase(heir);
    for (int part = 0; part < kParts; ++part) {
      if (owners_[part] == dead) owners_[part] = heir;
      if (moving_.contains(part) && moving_[part] == dead) moving_.erase(part);
    }
    return dead == heir ? std::uint16_t{0} : dead;
  }

  std::string Table() const {
    std::vector<ModelRange> ranges;
    const int size = kSlots / kParts;
    for (int part = 0; part < kParts; ++part) {
      ranges.push_back({part * size, part * size + size - 1, "h", owners_.at(part)});
    }
    return SlotsReply(ranges);
  }

  std::string Execute(const SentCommand& command) {
    if (random_.OneIn(60)) return "-NOSCRIPT\r\n";
    const std::size_t keys = std::stoul(command.at(2));
    std::set<std::string> tags;
    for (std::size_t i = 0; i < keys; ++i) tags.insert(TagOf(command.at(3 + i)));
    for (const std::string& tag : tags) ++executed[tag];
    return FullReply(command);
  }

  testing::Random& random_;
  int nodes_ = 4;
  std::map<int, std::uint16_t> owners_{{0, 1}, {1, 1}, {2, 2}, {3, 2},
                                       {4, 3}, {5, 3}, {6, 4}, {7, 4}};
  std::map<int, std::uint16_t> moving_;
  std::set<std::uint16_t> down_;
};

TEST(ClusterFuzz, EveryRequestIsAnsweredOnceInTimeAndExecutedAtMostOnce) {
  const std::uint64_t seed = testing::TestSeed();
  testing::Random random(seed);
  std::uint64_t answered_well = 0;
  for (int round = 0; round < 60; ++round) {
    Cluster cluster(random);
    RouterDriver driver(ClusterOf(1), seed + static_cast<std::uint64_t>(round));
    const auto hear = [&](Line& line, const SentCommand& command) {
      return cluster.Hear(line, command);
    };
    const auto up = [&](std::uint16_t port) { return cluster.IsUp(port); };
    std::map<std::uint64_t, Nanos> deadlines;
    const auto ask = [&](Nanos timeout) {
      // Each has a separate tag.
      const std::string key = "k" + std::to_string(deadlines.size() + 1);
      const int policies = random.OneIn(4) ? 2 : 1;
      const std::uint64_t ticket = driver.Check(key, timeout, policies);
      deadlines[ticket] = driver.now + timeout;
      return ticket;
    };

    for (int step = 0; step < 400; ++step) {
      switch (random.Between(0, 9)) {
        case 0:
        case 1:
        case 2:
          for (std::int64_t i = random.Between(1, 6); i > 0; --i) {
            ask(random.Between(5, 300) * kMillisecond);
          }
          break;
        case 3:
          driver.Follow(up);
          break;
        case 4:
        case 5:
          for (const auto& line : driver.lines) {
            if (!random.OneIn(3)) driver.Hear(*line, hear);
          }
          break;
        case 6:
        case 7:
          for (const auto& line : driver.lines) {
            const auto size = static_cast<std::int64_t>(line->replies.size());
            driver.Say(*line,
                       static_cast<std::size_t>(random.OneIn(2) ? size : random.Between(0, size)));
          }
          driver.Advance();
          break;
        case 8:
          driver.Pass(random.Between(0, 20) * kMillisecond);
          break;
        default:
          if (const std::uint16_t dead = cluster.Change(); dead != 0) driver.Cut(dead);
          break;
      }
      for (const auto& [ticket, deadline] : deadlines) {
        ASSERT_TRUE(deadline >= driver.now || driver.Answered(ticket))
            << "round " << round << " step " << step << " ticket " << ticket;
      }
    }

    // After recovery, every check succeeds.
    cluster.Settle();
    for (int i = 0; i < 60; ++i) {
      driver.Run(hear, up);
      driver.Pass(100 * kMillisecond);
    }
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t ticket = ask(std::chrono::seconds(1));
      driver.Run(hear, up);
      ASSERT_EQ(driver.Result(ticket).fault, Fault::kNone)
          << "round " << round << ": " << driver.Result(ticket).detail;
    }
    for (const auto& [ticket, deadline] : deadlines) {
      const int executed = cluster.executed["k" + std::to_string(ticket)];
      ASSERT_LE(executed, 1) << "round " << round << " ticket " << ticket;
      if (driver.Result(ticket).fault != Fault::kNone) continue;
      ++answered_well;
      ASSERT_EQ(executed, 1);
    }
    std::uint64_t submitted = driver.router->others().submitted;
    std::uint64_t completed = driver.router->others().completed;
    for (const Router::Member& member : driver.router->members()) {
      submitted += member.session->stats().submitted;
      completed += member.session->stats().completed;
    }
    ASSERT_EQ(submitted, deadlines.size());
    ASSERT_EQ(completed, deadlines.size());
  }
  EXPECT_GT(answered_well, 5000U);
}

}  // namespace
}  // namespace sluice::redis
