// Random bytes of hostile servers, for readers, sessions and routers: replies, redirections and
// topologies. Each runs for SLUICE_FUZZ_SECONDS. Round n of a test has seed SLUICE_SEED + n.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "printable.h"
#include "redis/error_reply.h"
#include "redis/redirect.h"
#include "redis/reply.h"
#include "redis/router_driver.h"
#include "slot_map.h"
#include "support/scale.h"
#include "support/seed.h"

namespace sluice::redis {
namespace {

using Line = RouterDriver::Line;
using testing::Random;

// Runs rounds for a while.
void Fuzz(const std::function<void(Random&)>& round) {
  const std::chrono::seconds length(testing::FuzzSeconds(4));
  const auto end = std::chrono::steady_clock::now() + length;
  std::uint64_t seed = testing::TestSeed();
  int rounds = 0;
  do {
    SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
    Random random(seed++);
    round(random);
    ++rounds;
  } while (std::chrono::steady_clock::now() < end && !::testing::Test::HasFailure());
  ::testing::Test::RecordProperty("rounds", rounds);
}

template <typename T>
const T& Pick(Random& random, const std::vector<T>& all) {
  return all[static_cast<std::size_t>(
      random.Between(0, static_cast<std::int64_t>(all.size()) - 1))];
}

// ---- Bytes

std::string SomeBytes(Random& random, std::int64_t most) {
  std::string bytes(static_cast<std::size_t>(random.Magnitude(most)), '\0');
  for (char& c : bytes) c = static_cast<char>(random.Between(0, 255));
  return bytes;
}

std::string SomeText(Random& random) {
  static const std::vector<std::string> texts{
      "",
      "?",
      "h",
      "127.0.0.1",
      "::1",
      "OK",
      "master",
      "slave",
      "7000",
      "0",
      "65536",
      "x y",
      "MOVED 15495 h:2",
      "ASK 15495 h:2",
      "MOVED 15495 h:0",
      "MOVED 16384 h:2",
      "MOVED 1 a b:2",
      "TRYAGAIN",
      "CLUSTERDOWN Hash slot not served",
      "READONLY",
      "LOADING",
      "NOSCRIPT",
      "NOAUTH",
      "ERR unknown command 'EVALSHA', with args beginning with:",
      "NOPERM",
      "OOM",
      "CROSSSLOT",
      "ERR a script: f_1, on @user_script:1.",
      "-ERR",
      std::string(kSha)};
  switch (random.Between(0, 5)) {
    case 0:
      return SomeBytes(random, 300);
    case 1:
      return "MOVED " + std::to_string(random.Between(-1, 16385)) + " " +
             std::string(static_cast<std::size_t>(random.Between(0, 260)), 'a') + ":" +
             std::to_string(random.Between(-1, 65537));
    case 2:
      return Pick(random, texts) + SomeBytes(random, 40);
    default:
      return Pick(random, texts);
  }
}

std::string SomeNumber(Random& random) {
  static const std::vector<std::string> numbers{"-9223372036854775808",
                                                "9223372036854775807",
                                                "9223372036854775808",
                                                "4611686018427387904",
                                                "18446744073709551615",
                                                "-1",
                                                "-2",
                                                "",
                                                "1.5",
                                                "0x10",
                                                "00",
                                                "+1"};
  if (random.OneIn(12)) return Pick(random, numbers);
  return std::to_string(random.OneIn(3) ? random.Between(-6, 6) : random.Magnitude(1 << 20));
}

std::string Text(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// A value of RESP2 or RESP3, possibly with a wrong length.
std::string SomeReply(Random& random, int depth = 0) {
  // Arrays get rarer with the depth, so that replies end.
  const std::int64_t kind = random.Between(0, depth > 8 || !random.OneIn(depth + 1) ? 5 : 9);
  switch (kind) {
    case 0:
      return "+" + SomeText(random) + "\r\n";
    case 1:
      return "-" + SomeText(random) + "\r\n";
    case 2:
    case 3:
      return ":" + SomeNumber(random) + "\r\n";
    case 4:
      return Text(SomeText(random));
    case 5: {
      static const std::vector<std::string> rare{"$-1\r\n",
                                                 "*-1\r\n",
                                                 "_\r\n",
                                                 "#t\r\n",
                                                 ",1.5\r\n",
                                                 "(12345678901234567890\r\n",
                                                 "=7\r\ntxt:abc\r\n",
                                                 "|1\r\n+a\r\n+b\r\n"};
      return Pick(random, rare);
    }
    default: {
      static const std::vector<std::string> types{"*", "*", "*", "*", "%", "~", ">"};
      const std::int64_t count = random.OneIn(30) ? random.Between(0, 300) : random.Between(0, 6);
      const std::string& type = Pick(random, types);
      std::string reply =
          type + (random.OneIn(30) ? SomeNumber(random) : std::to_string(count)) + "\r\n";
      for (std::int64_t i = type == "%" ? -count : 0; i < count; ++i) {
        reply += SomeReply(random, depth + 1);
      }
      return reply;
    }
  }
}

// Changes, removes, inserts or repeats some bytes.
void Mutate(Random& random, std::string& bytes) {
  for (std::int64_t i = random.Between(0, 3); i > 0 && !bytes.empty(); --i) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    const auto at = static_cast<std::size_t>(random.Between(0, size - 1));
    switch (random.Between(0, 3)) {
      case 0:
        bytes[at] = static_cast<char>(random.Between(0, 255));
        break;
      case 1:
        bytes.erase(at, static_cast<std::size_t>(random.Between(1, 8)));
        break;
      case 2:
        bytes.insert(at, Pick<std::string>(random, {"\r\n", "*", "$", ":", "9", {'\0'}, "-"}));
        break;
      default:
        bytes.insert(at, bytes.substr(at, static_cast<std::size_t>(random.Between(1, 64))));
    }
  }
}

// Hands `bytes` over in pieces, until `take` returns false.
void InPieces(Random& random, std::string_view bytes,
              const std::function<bool(std::string_view)>& take) {
  while (!bytes.empty()) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    const auto count = static_cast<std::size_t>(random.OneIn(3) ? size : random.Between(1, size));
    if (!take(bytes.substr(0, count))) return;
    bytes.remove_prefix(count);
  }
}

// ---- Readers

struct Sizes {
  std::size_t nodes = 0;
  std::size_t text = 0;
};

Sizes CheckReply(const Reply& reply, const ReplyBounds& bounds, unsigned depth) {
  EXPECT_LE(depth, bounds.depth);
  const bool array = reply.kind == Reply::Kind::kArray || !reply.items.empty();
  const std::size_t elements = array ? reply.integers.size() + reply.items.size() : 0;
  EXPECT_LE(elements, bounds.elements);
  Sizes sizes{.nodes = elements, .text = reply.text.size()};
  for (const Reply& item : reply.items) {
    const Sizes inner = CheckReply(item, bounds, depth + 1);
    sizes.nodes += inner.nodes;
    sizes.text += inner.text;
  }
  return sizes;
}

TEST(ReplyFuzz, TheReaderKeepsItsBounds) {
  Fuzz([](Random& random) {
    std::string bytes;
    for (std::int64_t i = random.Between(1, 4); i > 0; --i) bytes += SomeReply(random);
    if (random.OneIn(2)) Mutate(random, bytes);
    const ReplyBounds nested{.nodes = static_cast<std::size_t>(random.Magnitude(1000)),
                             .elements = static_cast<std::size_t>(random.Magnitude(300)),
                             .text = static_cast<std::size_t>(random.Magnitude(2000))};
    const auto most = static_cast<std::size_t>(random.Magnitude(300));
    for (const ReplyBounds& bounds : {nested, ReplyBounds::Flat(most)}) {
      ReplyReader reader;
      InPieces(random, bytes, [&](std::string_view piece) {
        if (!reader.Feed(piece)) return false;
        Reply reply;
        ReplyReader::Next next = reader.Take(reply, bounds);
        for (; next == ReplyReader::Next::kReply; next = reader.Take(reply, bounds)) {
          const Sizes sizes = CheckReply(reply, bounds, 0);
          EXPECT_LE(sizes.nodes, bounds.nodes);
          EXPECT_LE(sizes.text, bounds.text);
        }
        return next == ReplyReader::Next::kMore;
      });
    }
  });
}

// ---- Texts

TEST(ReplyFuzz, TextsAreShortAndPrintableAndHostsAreValid) {
  Fuzz([](Random& random) {
    const std::string text = SomeText(random);
    for (const std::string& shown : {ErrorText(text), Printable(text, 256)}) {
      ASSERT_LE(shown.size(), 1200U);
      ASSERT_TRUE(
          std::ranges::all_of(shown, [](unsigned char c) { return c >= 0x20 && c != 0x7F; }));
      ASSERT_EQ(Printable(shown, shown.size()), shown);
    }
    const auto redirect = ReadRedirect(text);
    if (!redirect || redirect->kind == Redirect::Kind::kTryAgain) return;
    ASSERT_TRUE(redirect->host.empty() || IsHost(redirect->host));
    ASSERT_LT(redirect->slot, kSlots);
    ASSERT_NE(redirect->port, 0);
  });
}

// ---- Routers

std::string SomeHost(Random& random) {
  return random.OneIn(6) ? SomeText(random) : "n" + std::to_string(random.Between(0, 8));
}

std::string SomeNode(Random& random) {
  std::string node =
      "*2\r\n" + Text(SomeHost(random)) + ":" +
      std::to_string(random.OneIn(20) ? random.Between(-1, 70000) : random.Between(1, 6)) + "\r\n";
  if (random.OneIn(30)) node = SomeReply(random);
  return node;
}

// A more or less valid reply to CLUSTER SLOTS.
std::string SomeSlots(Random& random) {
  if (random.OneIn(10)) return SomeReply(random);
  std::string reply;
  int ranges = 0;
  for (std::int64_t first = random.OneIn(4) ? random.Between(0, 100) : 0; first < kSlots;) {
    const std::int64_t last = std::min<std::int64_t>(
        kSlots - 1, first + random.Magnitude(random.OneIn(20) ? 100 : 16384));
    const std::int64_t nodes = random.OneIn(50) ? random.Between(0, 200) : random.Between(1, 3);
    reply += "*" + std::to_string(2 + nodes) + "\r\n:" + std::to_string(first) +
             "\r\n:" + std::to_string(last) + "\r\n";
    for (std::int64_t i = 0; i < nodes; ++i) reply += SomeNode(random);
    first = last + (random.OneIn(60) ? random.Between(-5, 5) : 1);
    if (++ranges == 200) break;
  }
  reply.insert(0, "*" + std::to_string(ranges) + "\r\n");
  if (random.OneIn(8)) Mutate(random, reply);
  return reply;
}

std::string SomeAnswer(Random& random, const SentCommand& command) {
  std::string reply;
  if (command[0] == "CLUSTER") {
    reply = SomeSlots(random);
  } else if (command[0] == "SENTINEL") {
    reply = "*2\r\n" + Text(SomeHost(random)) + Text(random.OneIn(5) ? SomeText(random) : "2");
  } else if (command[0] == "ROLE") {
    reply = random.OneIn(3) ? SomeReply(random) : "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
  } else if (command[0] == "EVALSHA" && !random.OneIn(4)) {
    reply = FullReply(command);
  } else {
    reply = random.OneIn(3) ? SomeReply(random) : "-" + SomeText(random) + "\r\n";
  }
  if (random.OneIn(20)) Mutate(random, reply);
  return reply;
}

// Each request is answered once, in time, and with a text that can be shown.
void Drive(Random& random, const ServerSet& set) {
  RouterDriver driver(set, static_cast<std::uint64_t>(random.Between(0, 1 << 30)));
  const auto serve = [&](Line& /*line*/, const SentCommand& command) {
    return SomeAnswer(random, command);
  };
  std::map<std::uint64_t, Nanos> deadlines;
  for (int step = 0; step < 40; ++step) {
    for (std::int64_t i = random.Between(0, 3); i > 0; --i) {
      const Nanos timeout = random.Between(5, 300) * kMillisecond;
      const Nanos deadline = driver.now + timeout;
      const std::string key = "k" + std::to_string(random.Between(0, 50));
      deadlines[driver.Check(key, timeout, static_cast<int>(random.Between(1, 3)))] = deadline;
    }
    driver.Follow([&](std::uint16_t) { return !random.OneIn(10); });
    // Replies may add lines while this runs. NOLINTNEXTLINE(modernize-loop-convert)
    for (std::size_t i = 0; i < driver.lines.size(); ++i) {
      driver.Hear(*driver.lines[i], serve);
      const auto size = static_cast<std::int64_t>(driver.lines[i]->replies.size());
      driver.Say(*driver.lines[i],
                 static_cast<std::size_t>(random.OneIn(3) ? random.Between(0, size) : size));
    }
    driver.Advance();
    driver.Pass(random.Between(0, 40) * kMillisecond);
    ASSERT_LE(driver.router->members().size(), 1024U);
    for (const auto& [ticket, deadline] : deadlines) {
      ASSERT_TRUE(deadline >= driver.now || driver.Answered(ticket)) << "step " << step;
    }
  }
  driver.Pass(std::chrono::seconds(1));
  for (const auto& [ticket, deadline] : deadlines) {
    const Completion answer = driver.Result(ticket);
    ASSERT_EQ(answer.detail.empty(), answer.fault == Fault::kNone);
    ASSERT_LE(answer.detail.size(), 2000U);
    ASSERT_EQ(Printable(answer.detail, answer.detail.size()), answer.detail);
  }
  for (const Router::Member& member : driver.router->members()) {
    ASSERT_EQ(Printable(member.address, member.address.size()), member.address);
  }
}

TEST(ReplyFuzz, AHostileClusterLosesNoCheck) {
  Fuzz([](Random& random) { Drive(random, ClusterOf(1)); });
}

TEST(ReplyFuzz, HostileSentinelsLoseNoCheck) {
  Fuzz([](Random& random) {
    Endpoint sentinel;
    sentinel.host = "s";
    sentinel.port = 1;
    Drive(random, ServerSet::Sentinel({sentinel}, "m", {}));
  });
}

}  // namespace
}  // namespace sluice::redis
