// Signs certificates with OpenSSL.
#include "redis/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <stdexcept>

namespace sluice::testing {
namespace {

void AddExtension(X509* cert, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  if (extension == nullptr) throw std::runtime_error("no such extension: " + value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

template <typename Write>
std::string Text(Write write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  if (write(bio) != 1) throw std::runtime_error("cannot write PEM");
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

}  // namespace

Certificate::Certificate(const Options& options) : key_(EVP_EC_gen("P-256")), cert_(X509_new()) {
  static std::atomic<long> serial = 0;
  X509* const cert = cert_.get();
  const bool is_ca = options.alt_names.empty();
  const Certificate& issuer = options.issuer == nullptr ? *this : *options.issuer;
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert), std::chrono::seconds(options.from).count());
  X509_gmtime_adj(X509_getm_notAfter(cert), std::chrono::seconds(options.to).count());
  X509_set_pubkey(cert, key_.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(cert, X509_get_subject_name(issuer.cert_.get()));
  AddExtension(cert, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!is_ca) AddExtension(cert, NID_subject_alt_name, options.alt_names);
  if (X509_sign(cert, issuer.key_.get(), EVP_sha256()) == 0) {
    throw std::runtime_error("cannot sign");
  }
}

Certificate::~Certificate() = default;

std::string Certificate::cert() const {
  return Text([&](BIO* bio) { return PEM_write_bio_X509(bio, cert_.get()); });
}

std::string Certificate::key() const {
  return Text([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string Certificate::EncryptedKey() const {
  char passphrase[] = "secret";
  return Text([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key_.get(), EVP_aes_128_cbc(), passphrase, 6, nullptr,
                                         nullptr);
  });
}

void Certificate::FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void Certificate::FreeCert::operator()(x509_st* cert) const { X509_free(cert); }

}  // namespace sluice::testing
