// Warnings from the replies to INFO, TIME and CONFIG GET.
#include "redis/health_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/seed.h"

namespace sluice::redis {
namespace {

using Codes = std::vector<WarningCode>;

constexpr Nanos kSecond = std::chrono::seconds(1);
constexpr Nanos kMillisecond = std::chrono::milliseconds(1);
constexpr Nanos kNow = 1000 * kSecond;            // monotonic
constexpr Nanos kWall = 1'700'000'000 * kSecond;  // since 1970, at that moment

Codes CodesOf(const std::vector<Warning>& warnings) {
  Codes codes;
  for (const Warning& warning : warnings) {
    codes.push_back(warning.code);
    EXPECT_FALSE(warning.detail.empty());
  }
  return codes;
}

Codes Found(const ServerInfo& info) { return CodesOf(FindWarnings(info, kWall)); }

ServerInfo OfMemory(std::string text) {
  ServerInfo info;
  info.memory = std::move(text);
  return info;
}

ServerInfo OfReplication(std::string text) {
  ServerInfo info;
  info.replication = std::move(text);
  return info;
}

/// The server's clock is so far from this process's; TIME took so long.
ServerInfo OfTime(Nanos off, Nanos trip = Nanos{0}) {
  const auto micros = std::chrono::duration_cast<Micros>(kWall + kNow + trip / 2 + off).count();
  ServerInfo info;
  info.time = {std::to_string(micros / 1'000'000), std::to_string(micros % 1'000'000)};
  info.asked = kNow;
  info.heard = kNow + trip;
  return info;
}

// From Redis 7.0.15 and Valkey 8.0.1, without unrelated lines.
constexpr const char* kRedisMemory =
    "# Memory\r\nused_memory:1041520\r\nused_memory_human:1017.11K\r\nmaxmemory:104857600\r\n"
    "maxmemory_human:100.00M\r\nmaxmemory_policy:allkeys-lru\r\nallocator_frag_ratio:1.22\r\n";
constexpr const char* kRedisReplica =
    "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:6379\r\n"
    "master_link_status:up\r\nslave_read_only:1\r\nreplica_announced:1\r\n";
constexpr const char* kRedisMaster =
    "# Replication\r\nrole:master\r\nconnected_slaves:1\r\n"
    "slave0:ip=127.0.0.1,port=7001,state=online,offset=14,lag=0\r\nmaster_failover_state:no-"
    "failover"
    "\r\n";

TEST(HealthCheck, WarnsOfEvictionIfMemoryIsBounded) {
  EXPECT_EQ(Found(OfMemory(kRedisMemory)), Codes{WarningCode::kEvictingPolicy});
  EXPECT_NE(FindWarnings(OfMemory(kRedisMemory), kWall).at(0).detail.find("allkeys-lru"),
            std::string::npos);
  for (const char* policy : {"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
                             "allkeys-lfu", "allkeys-random", "allkeys-lrm"}) {
    const std::string text = std::string("maxmemory_policy:") + policy + "\r\n";
    EXPECT_EQ(Found(OfMemory("maxmemory:1\r\n" + text)), Codes{WarningCode::kEvictingPolicy});
    EXPECT_EQ(Found(OfMemory(text + "maxmemory:1\n")), Codes{WarningCode::kEvictingPolicy});
    EXPECT_EQ(Found(OfMemory("maxmemory:0\r\n" + text)), Codes{}) << policy;
    EXPECT_EQ(Found(OfMemory(text)), Codes{}) << "whether it is bounded is not known";
  }
  EXPECT_EQ(Found(OfMemory("maxmemory:1000\r\nmaxmemory_policy:noeviction\r\n")), Codes{});
}

TEST(HealthCheck, ReadsConfigIfInfoIsIncomplete) {
  ServerInfo info = OfMemory("used_memory:1\r\n");
  EXPECT_TRUE(info.LacksPolicy());
  EXPECT_FALSE(OfMemory(kRedisMemory).LacksPolicy());
  info.config = {"maxmemory-samples", "5",           "maxmemory", "1048576",
                 "maxmemory-policy",  "volatile-ttl"};
  EXPECT_EQ(Found(info), Codes{WarningCode::kEvictingPolicy});
  info.config[3] = "0";
  EXPECT_EQ(Found(info), Codes{});
  info.config = {"maxmemory-policy", "volatile-ttl", "maxmemory"};
  EXPECT_EQ(Found(info), Codes{});
}

TEST(HealthCheck, WarnsOfAReplica) {
  EXPECT_EQ(Found(OfReplication(kRedisReplica)), Codes{WarningCode::kReplica});
  EXPECT_EQ(Found(OfReplication("role:replica\n")), Codes{WarningCode::kReplica});
  EXPECT_EQ(Found(OfReplication(kRedisMaster)), Codes{});
  // A KeyDB replica accepts writes and replicates them.
  EXPECT_EQ(Found(OfReplication("role:active-replica\r\n")), Codes{});
  EXPECT_EQ(Found(OfReplication("master_role:slave\r\nxrole:slave\r\n")), Codes{});
}

TEST(HealthCheck, WarnsOfAClockThatIsMoreThanASecondOff) {
  EXPECT_EQ(Found(OfTime(Nanos{0})), Codes{});
  for (const int sign : {-1, 1}) {
    EXPECT_EQ(Found(OfTime(sign * 999 * kMillisecond)), Codes{});
    EXPECT_EQ(Found(OfTime(sign * 1001 * kMillisecond)), Codes{WarningCode::kClock});
    EXPECT_EQ(Found(OfTime(sign * 400 * 86400 * kSecond)), Codes{WarningCode::kClock});
  }
  EXPECT_NE(FindWarnings(OfTime(12'340 * kMillisecond), kWall).at(0).detail.find("12.3 s ahead of"),
            std::string::npos);
  EXPECT_NE(FindWarnings(OfTime(-12'340 * kMillisecond), kWall).at(0).detail.find("12.3 s behind"),
            std::string::npos);
}

TEST(HealthCheck, ASlowReplyIsLessPreciseAboutTheClock) {
  EXPECT_EQ(Found(OfTime(1900 * kMillisecond, 2 * kSecond)), Codes{});
  EXPECT_EQ(Found(OfTime(2100 * kMillisecond, 2 * kSecond)), Codes{WarningCode::kClock});
  EXPECT_EQ(Found(OfTime(-1900 * kMillisecond, 2 * kSecond)), Codes{});
  EXPECT_EQ(Found(OfTime(-2100 * kMillisecond, 2 * kSecond)), Codes{WarningCode::kClock});
}

TEST(HealthCheck, OddRepliesAreIgnored) {
  const std::string huge(std::size_t{1} << 20, 'a');
  for (const std::string& text :
       {std::string(), std::string("\r\n\r\n:::\r\nrole\r\nrole:\r\n"), huge, huge + ":slave",
        std::string("role:slave-of-nobody\r\nmaxmemory:many\r\nmaxmemory_policy:allkeys-lru\r\n"),
        std::string("maxmemory:-1\r\nmaxmemory_policy:allkeys-lru\r\n"),
        std::string("maxmemory:1\r\nmaxmemory_policy:allkeys-\x1b[31m\r\n"),
        std::string("maxmemory:1\r\nmaxmemory_policy:allkeys-" + huge + "\r\n"),
        std::string("maxmemory:99999999999999999999\r\nmaxmemory_policy:allkeys-lru\r\n"),
        std::string("maxmemory:1 \r\nmaxmemory_policy:lru\r\n"), std::string(3, '\0')}) {
    EXPECT_EQ(Found(OfMemory(text)), Codes{});
    EXPECT_EQ(Found(OfReplication(text)), Codes{});
  }
  for (const std::vector<std::string>& time :
       std::vector<std::vector<std::string>>{{},
                                             {"0"},
                                             {"0", "0", "0"},
                                             {"", ""},
                                             {"-1", "0"},
                                             {"now", "0"},
                                             {"0", "1000000"},
                                             {"253402300800", "0"},
                                             {"9223372036854775807", "0"},
                                             {"99999999999999999999", "0"}}) {
    ServerInfo info;
    info.time = time;
    EXPECT_EQ(Found(info), Codes{});
  }
}

TEST(HealthCheck, RandomRepliesAreSafe) {
  testing::Random random(testing::TestSeed());
  const std::string words[] = {"role",        "slave",
                               "maxmemory",   "maxmemory_policy",
                               "allkeys-lru", "1000000",
                               ":",           "\r\n",
                               "\n",          "-",
                               "0",           "",
                               "\xff",        "99999999999999"};
  const auto text = [&] {
    std::string made;
    for (std::int64_t i = random.Between(0, 12); i > 0; --i) {
      made += words[random.Between(0, std::size(words) - 1)];
    }
    return made;
  };
  for (int i = 0; i < 5000; ++i) {
    ServerInfo info{text(), text(), {}, {text(), text()}, kNow, kNow};
    for (std::int64_t n = random.Between(0, 5); n > 0; --n) info.config.push_back(text());
    CodesOf(FindWarnings(info, kWall));
  }
}

TEST(HealthCheck, ErrorsAndRepliesOfAnotherKindAreIgnored) {
  for (const InfoCommand command : {InfoCommand::kTime, InfoCommand::kReplication,
                                    InfoCommand::kMemory, InfoCommand::kConfig}) {
    const bool list = command == InfoCommand::kTime || command == InfoCommand::kConfig;
    for (const auto kind :
         {Reply::Kind::kError, Reply::Kind::kStatus, Reply::Kind::kInteger, Reply::Kind::kArray,
          Reply::Kind::kOther, list ? Reply::Kind::kText : Reply::Kind::kNil}) {
      ServerInfo info;
      info.Note(command,
                {kind, "role:slave\r\nNOPERM", {1}, {{Reply::Kind::kText, "allkeys-lru", {}}}});
      EXPECT_TRUE(info.replication.empty() && info.memory.empty());
      EXPECT_TRUE(info.config.empty() && info.time.empty());
    }
  }
}

TEST(HealthCheck, AWarningIsReportedOnceUntilItIsGone) {
  HealthCheck check;
  const ServerInfo replica = OfReplication(kRedisReplica);
  ServerInfo worse = OfMemory(kRedisMemory);
  worse.replication = kRedisReplica;
  EXPECT_EQ(CodesOf(check.Update(replica, kWall)), Codes{WarningCode::kReplica});
  EXPECT_EQ(CodesOf(check.Update(replica, kWall)), Codes{});
  EXPECT_EQ(CodesOf(check.Update(worse, kWall)), Codes{WarningCode::kEvictingPolicy});
  EXPECT_EQ(CodesOf(check.warnings()),
            (Codes{WarningCode::kEvictingPolicy, WarningCode::kReplica}));
  EXPECT_EQ(CodesOf(check.Update(OfReplication(kRedisMaster), kWall)), Codes{});
  EXPECT_EQ(CodesOf(check.warnings()), Codes{});
  EXPECT_EQ(CodesOf(check.Update(replica, kWall)), Codes{WarningCode::kReplica});
}

}  // namespace
}  // namespace sluice::redis
