// Certificates made when a test runs.
#pragma once

#include <chrono>
#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace sluice::testing {

/// A certificate and its private key.
class Certificate {
 public:
  using Hours = std::chrono::hours;

  struct Options {
    std::string name = {};  ///< the subject's
    /// "DNS:localhost,IP:127.0.0.1"; empty: a CA
    std::string alt_names = {};
    Hours from = Hours(-1);  ///< valid, counted from now
    Hours to = Hours(24);
    const Certificate* issuer = nullptr;  ///< null: itself
  };

  explicit Certificate(const Options& options);
  ~Certificate();
  Certificate(Certificate&&) = default;

  std::string cert() const;  ///< PEM
  std::string key() const;   ///< PEM
  /// The same, encrypted with a passphrase.
  std::string EncryptedKey() const;

 private:
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  struct FreeCert {
    void operator()(x509_st* cert) const;
  };
  std::unique_ptr<evp_pkey_st, FreeKey> key_;
  std::unique_ptr<x509_st, FreeCert> cert_;
};

}  // namespace sluice::testing
