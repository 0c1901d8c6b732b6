// A connection to a server that sends without end.
#include "connection.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "fd.h"

namespace sluice::redis {
namespace {

Endpoint At(std::uint16_t port) {
  Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port;
  return endpoint;
}

// Counts the received bytes.
class Listener final : public Protocol {
 public:
  explicit Listener(std::uint16_t port) : Protocol(At(port)) {}

  void OnConnected(Nanos /*now*/) override { connected = true; }
  void OnLost(std::string_view why, Nanos /*now*/) override { lost = why; }
  void OnRefused(std::string_view /*why*/, Nanos /*now*/) override {}
  void OnBytes(std::string_view bytes, Nanos /*now*/) override { heard += bytes.size(); }
  void OnWritten(std::size_t /*count*/) override {}
  void OnTime(Nanos /*now*/) override {}
  std::uint64_t WantedConnection() const override { return 1; }
  std::string_view Output() const override { return {}; }
  Nanos NextTime() const override { return kNever; }

  bool connected = false;
  std::string lost;
  std::size_t heard = 0;
};

TEST(Connection, ReadsOnceATurn) {
  const Fd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(server.get(), generic, length), 0);
  ASSERT_EQ(listen(server.get(), 1), 0);
  ASSERT_EQ(getsockname(server.get(), generic, &length), 0);

  const auto wakeup = std::make_shared<const Wakeup>();
  Resolver resolver(wakeup);
  const auto listener = std::make_shared<Listener>(ntohs(address.sin_port));
  Connection connection(listener, {}, wakeup, resolver);
  const auto turn = [&](std::span<char> buffer) {
    connection.Follow();
    pollfd polled = connection.Polled();
    poll(&polled, 1, -1);
    return connection.OnPolled(polled.revents, buffer);
  };
  std::array<char, 100> buffer;
  while (!listener->connected) turn(buffer);

  {
    const Fd peer(accept(server.get(), nullptr, nullptr));
    const std::string said(250, 'x');
    ASSERT_EQ(send(peer.get(), said.data(), said.size(), 0), 250);
  }
  ASSERT_EQ(turn(buffer), 100U);
  ASSERT_EQ(listener->heard, 100U);
  EXPECT_TRUE(connection.HasMore());
  ASSERT_EQ(turn(buffer), 100U);
  EXPECT_TRUE(connection.HasMore());
  EXPECT_EQ(turn(buffer), 50U);
  EXPECT_FALSE(connection.HasMore());
  EXPECT_EQ(listener->lost, "");
  EXPECT_EQ(turn(buffer), 0U);
  EXPECT_NE(listener->lost, "");
}

}  // namespace
}  // namespace sluice::redis
