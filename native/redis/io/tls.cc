// Certificates and keys, read into OpenSSL's contexts.
#include "redis/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace sluice::redis {
namespace {

using Part = Tls::Fault::Part;

template <typename T, void (*kFree)(T*)>
struct FreeWith {
  void operator()(T* object) const { kFree(object); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeWith<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY, EVP_PKEY_free>>;

// Without atexit: an I/O thread may still run when the process ends. Without configuration: our
// copy of OpenSSL would look for a different file on each system.
bool StartOpenSsl() {
  static const bool started =
      OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
                           OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                       nullptr) == 1;
  return started;
}

struct Passphrase {
  std::string_view text;
  bool wanted = false;
};

// By default OpenSSL asks for a passphrase at the terminal.
int GivePassphrase(char* buffer, int size, int /*writing*/, void* given) {
  auto& passphrase = *static_cast<Passphrase*>(given);
  passphrase.wanted = true;
  const std::string_view text = passphrase.text;
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  return static_cast<int>(text.copy(buffer, text.size()));
}

Bio Reader(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All certificates of a PEM text; none if one of them cannot be read.
std::vector<Certificate> ReadCertificates(std::string_view pem) {
  std::vector<Certificate> certificates;
  Passphrase none;
  const Bio bio = Reader(pem);
  while (Certificate one{PEM_read_bio_X509_AUX(bio.get(), nullptr, GivePassphrase, &none)}) {
    certificates.push_back(std::move(one));
  }
  const unsigned long error = ERR_peek_last_error();
  const bool ended =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!ended) certificates.clear();
  return certificates;
}

// The last trusted certificates: Node has 150 roots, and reading them takes a while.
class Trust {
 public:
  /// Null if a certificate cannot be read.
  X509_STORE* Read(std::string_view ca) {
    const std::lock_guard lock(mutex_);
    if (store_ == nullptr || ca != ca_) {
      const std::vector<Certificate> certificates = ReadCertificates(ca);
      if (certificates.empty()) return nullptr;
      store_.reset(X509_STORE_new());
      if (store_ == nullptr) throw std::bad_alloc();
      for (const Certificate& one : certificates) X509_STORE_add_cert(store_.get(), one.get());
      // A trusted certificate need not be self-signed.
      X509_STORE_set_flags(store_.get(), X509_V_FLAG_PARTIAL_CHAIN);
      ca_ = ca;
    }
    X509_STORE_up_ref(store_.get());
    return store_.get();
  }

 private:
  std::mutex mutex_;
  std::string ca_;
  std::unique_ptr<X509_STORE, FreeWith<X509_STORE, X509_STORE_free>> store_;
};

// Never destroyed: stores may be made while the process ends.
Trust& TheTrust() {
  static auto* const trust = new Trust;
  return *trust;
}

void AppendField(std::string_view text, std::string& out) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

std::string Digest(const Tls::Options& options) {
  std::string text;
  AppendField(options.ca, text);
  AppendField(options.cert, text);
  AppendField(options.key, text);
  AppendField(options.server_name, text);
  text += options.verify ? '1' : '0';
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return {digest.begin(), digest.begin() + length};
}

class Maker {
 public:
  Maker(SSL_CTX* context, Tls::Fault& fault) : context_(context), fault_(fault) {}

  bool Trust(std::string_view ca) {
    if (ca.empty()) return true;
    X509_STORE* const store = TheTrust().Read(ca);
    if (store == nullptr) return Refuse(Part::kCa, "holds no certificate that can be read (PEM)");
    SSL_CTX_set_cert_store(context_, store);  // takes it over
    return true;
  }

  bool Show(std::string_view cert, std::string_view key, Passphrase passphrase) {
    if (cert.empty() && key.empty()) return true;
    const std::vector<Certificate> chain = ReadCertificates(cert);
    if (chain.empty()) return Refuse(Part::kCert, "holds no certificate that can be read (PEM)");
    if (SSL_CTX_use_certificate(context_, chain.front().get()) != 1) {
      return Refuse(Part::kCert, "is a certificate that is too weak to be used");
    }
    for (std::size_t i = 1; i < chain.size(); ++i)
      SSL_CTX_add1_chain_cert(context_, chain[i].get());
    const Bio bio = Reader(key);
    const Key read{PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassphrase, &passphrase)};
    if (!read && passphrase.wanted) {
      return Refuse(Part::kPassphrase, passphrase.text.empty() ? "is missing: the key is encrypted"
                                                               : "does not decrypt the key");
    }
    if (!read) return Refuse(Part::kKey, "holds no private key that can be read (PEM)");
    if (SSL_CTX_use_PrivateKey(context_, read.get()) != 1) {
      return Refuse(Part::kKey, "is not the certificate's");
    }
    return true;
  }

  bool Name(std::string_view name) {
    constexpr std::size_t kLongest = 253;  // of host names
    const bool usable = name.size() <= kLongest &&
                        std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
    return usable || Refuse(Part::kServerName, "is not a host name or an address");
  }

 private:
  bool Refuse(Part part, std::string_view reason) {
    fault_ = {part, std::string(reason)};
    return false;
  }

  SSL_CTX* const context_;
  Tls::Fault& fault_;
};

}  // namespace

void Tls::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

std::shared_ptr<const Tls> Tls::Make(const Options& options, Fault& fault) {
  fault = {};
  if (!StartOpenSsl()) throw std::bad_alloc();
  std::shared_ptr<Tls> tls(new Tls);
  tls->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = tls->context();
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // The rest after a partial write may be at another address at the next call.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);

  Maker maker(context, fault);
  const bool usable = maker.Trust(options.ca) &&
                      maker.Show(options.cert, options.key, {options.passphrase}) &&
                      maker.Name(options.server_name);
  ERR_clear_error();
  if (!usable) return nullptr;
  tls->identity_ = Digest(options);
  tls->server_name_ = options.server_name;
  tls->verify_ = options.verify;
  return tls;
}

}  // namespace sluice::redis
