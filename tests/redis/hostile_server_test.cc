// Malicious servers, or servers with another protocol: bounds of memory, and texts for people.
#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "redis/reply.h"
#include "redis/script.h"
#include "redis/server_session_driver.h"
#include "support/policies.h"

namespace sluice::redis {
namespace {

constexpr std::string_view kTooLong = "the server's reply is too long for its command";

TEST(HostileServer, AReplyThatIsTooLongForItsCommandEndsTheConnectionAtOnce) {
  // One check under one policy: at most 20 numbers and texts.
  for (const char* begun : {"*21\r\n", "%11\r\n", "~21\r\n", ">21\r\n"}) {
    ReadySession driver;
    const auto ticket = driver.Check("a");
    driver.Sent();
    const std::uint64_t connection = driver.session.WantedConnection();
    driver.Receive(begun);
    EXPECT_EQ(driver.Result(ticket).detail, kTooLong) << begun;
    EXPECT_NE(driver.session.WantedConnection(), connection) << begun;
  }
}

TEST(HostileServer, AnEndlessTextEndsTheConnectionSoon) {
  ReadySession driver;
  const auto ticket = driver.Check("a", kSecond);
  driver.Sent();
  driver.Receive("$1000000\r\n");
  int pieces = 0;
  for (; !driver.Answered(ticket) && pieces < 100; ++pieces) {
    driver.Receive(std::string(65536, 'x'));
  }
  EXPECT_LE(pieces, 3);
  EXPECT_EQ(driver.Result(ticket).detail, kTooLong);
}

TEST(HostileServer, TheLongestReplyToABatchIsRead) {
  // A replay under its id, with a block, and a policy whose reading has three numbers.
  std::vector<Policy> policies;
  for (std::size_t i = 0; i < kMaxPolicies; ++i) {
    policies.push_back(testing::BucketPolicy("p" + std::to_string(i), 10, 1, kSecond));
  }
  Request request;
  request.set = std::make_shared<const PolicySet>(std::move(policies), "p");
  const std::vector<Request> batch(kMaxBatch, request);
  EXPECT_LE(MostElements(batch), ReplyReader::kMostElements);
  EXPECT_GE(MostElements(batch), 17'500U);
}

TEST(HostileServer, ErrorsCannotForgeLogLines) {
  ReadySession driver;
  const auto ticket = driver.Check("a");
  driver.Sent();
  driver.Receive("-ERR one\tlevel=info\x1b[2J\r\n");
  EXPECT_EQ(driver.Result(ticket).detail, "ERR one\\x09level=info\\x1b[2J");
  const auto next = driver.Check("a");
  driver.Sent();
  // The script reports it for one check.
  driver.Receive("*3\r\n:1\r\n:-2\r\n$10\r\nERR a\r\nb=c\r\n");
  EXPECT_EQ(driver.Result(next).detail, "ERR a\\x0d\\x0ab=c");
}

TEST(HostileServer, AnEndlessCodeInAnAuthErrorIsNotShown) {
  ServerSession::Options options;
  options.endpoint.password = "secret";
  ServerSessionDriver driver(options);
  driver.Check("a", 10 * kSecond);
  driver.session.OnConnected(driver.now);
  driver.Sent();
  driver.Receive("-" + std::string(60'000, 'A') + " secret\r\n");
  const auto ticket = driver.Check("b");
  EXPECT_EQ(driver.Result(ticket).detail, "ERR the server refused the user or the password");
}

// The used bytes of the heap; 0 under a sanitizer, which has another heap.
std::size_t BytesInUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(HostileServer, WrittenBytesLeaveTheBufferThoughItIsNeverEmpty) {
  ReadySession driver;
  std::size_t before = 0;
  for (int i = 0; i < 50'000; ++i) {
    if (i == 10) before = BytesInUse();
    driver.Check("a");
    driver.session.OnWritten(driver.session.Output().size() - 1);
    driver.AnswerFull(1);
    driver.session.TakeDeliveries();
  }
  EXPECT_LE(BytesInUse(), before + 1'000'000);
}

}  // namespace
}  // namespace sluice::redis
