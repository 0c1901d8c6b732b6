// TLS to a server: who is trusted, and who we say we are.
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
    /// PEM: the certificates that may vouch for a server, and no others: the system's own are not
    /// looked at.
    std::string ca = {};
    std::string cert = {};        ///< PEM: ours, then those up to its CA; empty: none is shown
    std::string key = {};         ///< PEM: of `cert`
    std::string passphrase = {};  ///< of `key`, if that is encrypted
    /// Whom the server's certificate must name, and what it is asked for (SNI). Empty: the host.
    std::string server_name = {};
    /// False: any certificate will do, so that anybody between may listen and answer.
    bool verify = true;
  };

  /// Which option was refused, and why; quotes nothing of it.
  struct Fault {
    enum class Part : std::uint8_t { kNone, kCa, kCert, kKey, kPassphrase, kServerName };
    Part part = Part::kNone;
    std::string reason;  ///< "holds no certificate"
  };

  /// Null, with the reason in `fault`, if the options cannot be used.
  static std::shared_ptr<const Tls> Make(const Options& options, Fault& fault);

  /// The same for equal options, else another: a digest.
  std::string_view identity() const { return identity_; }
  const std::string& server_name() const { return server_name_; }
  bool verify() const { return verify_; }
  /// OpenSSL's SSL_CTX. Null never.
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
