// TLS options: trusted CAs and the client certificate.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;

namespace sluice::redis {

/// Immutable and thread safe. TLS 1.2 or newer.
class Tls {
 public:
  struct Options {
    /// PEM: the trusted certificates, and no others: the system's own are ignored.
    std::string ca = {};
    std::string cert = {};        ///< PEM: ours, then those up to its CA; empty: none
    std::string key = {};         ///< PEM: the key of `cert`
    std::string passphrase = {};  ///< the passphrase of an encrypted `key`
    /// The required name of the server's certificate, also sent as SNI. Empty: the host.
    std::string server_name = {};
    /// False accepts any certificate, so an attacker on the way may listen and answer.
    bool verify = true;
  };

  /// The refused option, and the reason; quotes nothing of it.
  struct Fault {
    enum class Part : std::uint8_t { kNone, kCa, kCert, kKey, kPassphrase, kServerName };
    Part part = Part::kNone;
    std::string reason;  ///< "holds no certificate"
  };

  /// Null, with the reason in `fault`, if the options cannot be used.
  static std::shared_ptr<const Tls> Make(const Options& options, Fault& fault);

  /// A digest: equal for equal options only.
  std::string_view identity() const { return identity_; }
  const std::string& server_name() const { return server_name_; }
  bool verify() const { return verify_; }
  /// OpenSSL's SSL_CTX. Never null.
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  Tls() = default;

  std::string identity_;
  std::string server_name_;
  bool verify_ = true;
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

}  // namespace sluice::redis
