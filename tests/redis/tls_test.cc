// TLS with a real server: accepted and refused certificates, and their errors.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "redis/backlog.h"
#include "redis/certificates.h"
#include "redis/connect.h"
#include "redis/recorder.h"
#include "redis/redis_server.h"

namespace sluice::redis {
namespace {

using sluice::testing::Certificate;
using sluice::testing::RedisServer;

const Certificate& TheCa() {
  static const Certificate ca({.name = "ca of a test"});
  return ca;
}

Certificate Leaf(const std::string& alt_names, Certificate::Hours from = Certificate::Hours(-1),
                 Certificate::Hours to = Certificate::Hours(24)) {
  return Certificate(
      {.name = "leaf", .alt_names = alt_names, .from = from, .to = to, .issuer = &TheCa()});
}

// A server with a port for TLS, and a plain port for the test's own commands.
class TlsServer {
 public:
  explicit TlsServer(const Certificate& certificate, bool ask_clients = false,
                     std::vector<std::string> options = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-tls-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = name;
    const std::vector<std::string> tls = {"--tls-port",         std::to_string(port_),
                                          "--tls-cert-file",    Write("cert", certificate.cert()),
                                          "--tls-key-file",     Write("key", certificate.key()),
                                          "--tls-ca-cert-file", Write("ca", TheCa().cert()),
                                          "--tls-auth-clients", ask_clients ? "yes" : "no"};
    options.insert(options.end(), tls.begin(), tls.end());
    server_ = std::make_unique<RedisServer>(options);
  }
  ~TlsServer() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  Endpoint endpoint(const Tls::Options& options) const {
    Endpoint endpoint = server_->endpoint();
    endpoint.port = port_;
    Tls::Fault fault;
    endpoint.tls = Tls::Make(options, fault);
    EXPECT_NE(endpoint.tls, nullptr) << fault.reason;
    return endpoint;
  }
  RedisServer& plain() { return *server_; }

 private:
  std::string Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = folder_ / name;
    std::ofstream(file) << text;
    return file.string();
  }

  const std::uint16_t port_ = RedisServer::FreePort();
  std::filesystem::path folder_;
  std::unique_ptr<RedisServer> server_;
};

Completion AskOnce(const Endpoint& endpoint) {
  const auto recorder = std::make_shared<Recorder>();
  const auto client = Connect(endpoint);
  return recorder->Run(*client, recorder->Ask(SlowBucket(5), "k"));
}

void ExpectRefusal(const Endpoint& endpoint, const std::string& why) {
  const Completion answer = AskOnce(endpoint);
  EXPECT_EQ(answer.fault, Fault::kUnavailable);
  EXPECT_NE(answer.detail.find(why), std::string::npos) << answer.detail;
}

Tls::Options TrustOurCa() { return {.ca = TheCa().cert()}; }

TEST(TlsTest, ChecksAreEncrypted) {
  TlsServer server(Leaf("IP:127.0.0.1"));
  const Completion answer = AskOnce(server.endpoint(TrustOurCa()));
  EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
  EXPECT_EQ(BacklogOf(answer, 0), Nanos{0});
}

TEST(TlsTest, LargeBatchesTakeManyRecords) {
  TlsServer server(Leaf("IP:127.0.0.1"));
  const auto client = Connect(server.endpoint(TrustOurCa()));
  const auto recorder = std::make_shared<Recorder>();
  const auto set = SlowBucket(1);
  constexpr int kChecks = 20'000;  // with the longest names: megabytes each way
  std::vector<Request> requests;
  requests.reserve(kChecks);
  for (int i = 0; i < kChecks; ++i) {
    requests.push_back(recorder->Ask(set, std::string(100, 'k') + std::to_string(i)));
  }
  client->Submit(std::move(requests));
  for (int ticket = 1; ticket <= kChecks; ++ticket) {
    const Completion answer = recorder->Await(static_cast<std::uint64_t>(ticket));
    ASSERT_EQ(answer.fault, Fault::kNone) << answer.detail;
  }
  EXPECT_EQ(server.plain().Run({"DBSIZE"}).integers.at(0), kChecks);
}

TEST(TlsTest, ACertificateForAnotherNameIsRefused) {
  TlsServer server(Leaf("DNS:elsewhere.test,IP:127.0.0.2"));
  ExpectRefusal(server.endpoint(TrustOurCa()), "it is not for '127.0.0.1'");
  Endpoint named = server.endpoint(TrustOurCa());
  named.host = "localhost";
  ExpectRefusal(named, "it is not for 'localhost'");
}

TEST(TlsTest, AnAddressAsANameIsNotAnAddress) {
  TlsServer server(Leaf("DNS:127.0.0.1"));
  ExpectRefusal(server.endpoint(TrustOurCa()), "it is not for '127.0.0.1'");
}

TEST(TlsTest, TheExpectedNameIsAnOption) {
  TlsServer server(Leaf("DNS:elsewhere.test"));
  Tls::Options options = TrustOurCa();
  options.server_name = "elsewhere.test";
  EXPECT_EQ(AskOnce(server.endpoint(options)).fault, Fault::kNone);
  options.server_name = "another.test";
  ExpectRefusal(server.endpoint(options), "it is not for 'another.test'");
}

TEST(TlsTest, ASelfSignedCertificateIsRefused) {
  const Certificate own({.name = "own", .alt_names = "IP:127.0.0.1"});
  TlsServer server(own);
  ExpectRefusal(server.endpoint(TrustOurCa()), "refused: self-signed certificate");
  EXPECT_EQ(AskOnce(server.endpoint({.ca = own.cert()})).fault, Fault::kNone)
      << "unless it is trusted by name";
}

TEST(TlsTest, AnotherCaIsRefusedAndWithoutACaAllAre) {
  TlsServer server(Leaf("IP:127.0.0.1"));
  const Certificate other({.name = "another ca"});
  ExpectRefusal(server.endpoint({.ca = other.cert()}), "certificate was refused");
  ExpectRefusal(server.endpoint({}), "certificate was refused");
}

TEST(TlsTest, ExpiredAndNotYetValidCertificatesAreRefused) {
  using Hours = Certificate::Hours;
  TlsServer expired(Leaf("IP:127.0.0.1", Hours(-48), Hours(-24)));
  ExpectRefusal(expired.endpoint(TrustOurCa()), "certificate has expired");
  TlsServer early(Leaf("IP:127.0.0.1", Hours(24), Hours(48)));
  ExpectRefusal(early.endpoint(TrustOurCa()), "certificate is not yet valid");
}

TEST(TlsTest, WithoutVerificationAnyCertificateIsAccepted) {
  using Hours = Certificate::Hours;
  TlsServer server(Leaf("DNS:elsewhere.test", Hours(-48), Hours(-24)));
  const Completion answer = AskOnce(server.endpoint({.verify = false}));
  EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
}

TEST(TlsTest, AServerThatRequiresACertificateGetsOne) {
  TlsServer server(Leaf("IP:127.0.0.1"), true);
  ExpectRefusal(server.endpoint(TrustOurCa()), "the server wants a client certificate");
  const Certificate client = Leaf("DNS:client.test");
  Tls::Options options = TrustOurCa();
  options.cert = client.cert();
  options.key = client.key();
  const Completion answer = AskOnce(server.endpoint(options));
  EXPECT_EQ(answer.fault, Fault::kNone) << answer.detail;
}

TEST(TlsTest, Tls12IsAcceptedAndOlderVersionsAreNot) {
  TlsServer server(Leaf("IP:127.0.0.1"), false, {"--tls-protocols", "TLSv1.2"});
  EXPECT_EQ(AskOnce(server.endpoint(TrustOurCa())).fault, Fault::kNone);
  TlsServer old(Leaf("IP:127.0.0.1"), false,
                {"--tls-protocols", "TLSv1.1", "--tls-ciphers", "ALL:@SECLEVEL=0"});
  ExpectRefusal(old.endpoint(TrustOurCa()), "TLS: ");
}

TEST(TlsTest, ASilentServerIsReported) {
  TlsServer server(Leaf("IP:127.0.0.1"));
  server.plain().Freeze();
  ExpectRefusal(
      server.endpoint(TrustOurCa()),
      "connecting took too long: the server did not finish the TLS handshake (does it speak "
      "TLS at this port?)");
  server.plain().Thaw();
}

TEST(TlsTest, ALostConnectionIsReplaced) {
  TlsServer server(Leaf("IP:127.0.0.1"));
  const auto recorder = std::make_shared<Recorder>();
  const auto client = Connect(server.endpoint(TrustOurCa()));
  ASSERT_EQ(recorder->Run(*client, recorder->Ask(SlowBucket(5), "k")).fault, Fault::kNone);
  server.plain().Run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  // One of them may meet the end of the old connection.
  recorder->Run(*client, recorder->Ask(SlowBucket(5), "k"));
  EXPECT_EQ(recorder->Run(*client, recorder->Ask(SlowBucket(5), "k")).fault, Fault::kNone);
  EXPECT_EQ(client->stats().front().session.reconnects, 1U);
}

TEST(TlsOptions, UnusableOptionsAreNamedAndNotQuoted) {
  using Part = Tls::Fault::Part;
  const Certificate one = Leaf("DNS:one.test");
  const Certificate other = Leaf("DNS:other.test");
  const std::string half = one.cert().substr(0, one.cert().size() / 2);
  const std::string cert = one.cert();
  const std::string key = one.key();
  const std::vector<std::pair<Tls::Options, Part>> refused = {
      {{.ca = "hunter2"}, Part::kCa},
      {{.ca = half}, Part::kCa},
      {{.ca = cert + half}, Part::kCa},
      {{.ca = key}, Part::kCa},
      {{.cert = "hunter2", .key = key}, Part::kCert},
      {{.key = key}, Part::kCert},
      {{.cert = cert}, Part::kKey},
      {{.cert = cert, .key = "hunter2"}, Part::kKey},
      {{.cert = cert, .key = other.key()}, Part::kKey},
      {{.cert = cert, .key = one.EncryptedKey()}, Part::kPassphrase},
      {{.cert = cert, .key = one.EncryptedKey(), .passphrase = "hunter2"}, Part::kPassphrase},
      {{.cert = cert, .key = one.EncryptedKey(), .passphrase = std::string(5000, 'h')},
       Part::kPassphrase},
      {{.cert = cert, .key = other.EncryptedKey(), .passphrase = "secret"}, Part::kKey},
      {{.server_name = "no name"}, Part::kServerName},
      {{.server_name = std::string(254, 'a')}, Part::kServerName},
  };
  for (const auto& [options, part] : refused) {
    Tls::Fault fault;
    EXPECT_EQ(Tls::Make(options, fault), nullptr);
    EXPECT_EQ(fault.part, part) << fault.reason;
    EXPECT_FALSE(fault.reason.empty());
    EXPECT_EQ(fault.reason.find("hunter"), std::string::npos);
  }
}

TEST(TlsOptions, OnlyEqualOptionsShareAClient) {
  const Certificate leaf = Leaf("DNS:client.test");
  const auto make = [](const Tls::Options& options) {
    Endpoint endpoint;
    endpoint.host = "127.0.0.1";
    Tls::Fault fault;
    endpoint.tls = Tls::Make(options, fault);
    return endpoint;
  };
  Endpoint without;
  without.host = "127.0.0.1";
  const std::vector<Tls::Options> others = {
      {},
      TrustOurCa(),
      {.ca = TheCa().cert(), .verify = false},
      {.ca = TheCa().cert(), .server_name = "a.test"},
      {.ca = TheCa().cert(), .cert = leaf.cert(), .key = leaf.key()}};
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_NE(make(others[i]), without);
    for (std::size_t j = 0; j < others.size(); ++j) {
      EXPECT_EQ(make(others[i]) == make(others[j]), i == j) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace sluice::redis
