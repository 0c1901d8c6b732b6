// OpenSSL over our own socket, with readable errors.
#include "tls_session.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>
#include <utility>

namespace sluice::redis {
namespace {

Socket& SocketOf(BIO* bio) { return *static_cast<Socket*>(BIO_get_data(bio)); }

int BioWrite(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  Socket& socket = SocketOf(bio);
  *written = socket.Write({bytes, size});
  if (*written > 0) return 1;
  if (socket.state() == Socket::State::kConnected) BIO_set_retry_write(bio);
  return 0;
}

int BioRead(BIO* bio, char* buffer, std::size_t size, std::size_t* read) {
  BIO_clear_retry_flags(bio);
  Socket& socket = SocketOf(bio);
  *read = socket.Read({buffer, size}).size();
  if (*read > 0) return 1;
  if (socket.state() == Socket::State::kConnected) BIO_set_retry_read(bio);
  return 0;
}

long BioControl(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// OpenSSL's own BIO for sockets would raise SIGPIPE.
const BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_write_ex(made, BioWrite);
    BIO_meth_set_read_ex(made, BioRead);
    BIO_meth_set_ctrl(made, BioControl);
    return made;
  }();
  return method;
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, 16> address;
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* session) const { SSL_free(session); }

TlsSession::TlsSession(std::shared_ptr<const Tls> tls, const std::string& host, Socket& socket)
    : tls_(std::move(tls)),
      name_(tls_->server_name().empty() ? host : tls_->server_name()),
      socket_(socket),
      session_(SSL_new(tls_->context())) {
  BIO* const bio = BIO_new(SocketMethod());
  if (!session_ || bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &socket_);
  BIO_set_init(bio, 1);
  SSL_set_bio(session_.get(), bio, bio);
  SSL_set_connect_state(session_.get());
  bool named = true;
  if (IsAddress(name_)) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), name_.c_str()) == 1;
  } else {
    named = SSL_set_tlsext_host_name(session_.get(), name_.c_str()) == 1 &&
            SSL_set1_host(session_.get(), name_.c_str()) == 1;
    SSL_set_hostflags(session_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  }
  if (named) return;
  // Never continues with a name that nothing would be compared with.
  session_.reset();
  error_ = "the server cannot be asked for a certificate for the name '" + name_ + "'";
  ERR_clear_error();
}

TlsSession::~TlsSession() = default;

TlsSession::Step TlsSession::Handshake() {
  return session_ ? Result(SSL_do_handshake(session_.get())) : Step::kFailed;
}

TlsSession::Step TlsSession::Write(std::string_view bytes, std::size_t& count) {
  return Result(SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count));
}

TlsSession::Step TlsSession::Read(std::span<char> buffer, std::size_t& count) {
  return Result(SSL_read_ex(session_.get(), buffer.data(), buffer.size(), &count));
}

TlsSession::Step TlsSession::Result(int returned) {
  if (returned == 1) return Step::kDone;
  const int kind = SSL_get_error(session_.get(), returned);
  if (kind == SSL_ERROR_WANT_READ) return Step::kWantsRead;
  if (kind == SSL_ERROR_WANT_WRITE) return Step::kWantsWrite;
  error_ = WhyItFailed(kind);
  ERR_clear_error();  // the thread's: the next session would read it as its own
  return Step::kFailed;
}

std::string TlsSession::WhyItFailed(int kind) const {
  if (kind == SSL_ERROR_ZERO_RETURN) return "the server closed the connection";
  if (const long verdict = SSL_get_verify_result(session_.get());
      tls_->verify() && verdict != X509_V_OK) {
    return WhyRefused(verdict);
  }
  if (socket_.state() != Socket::State::kConnected) {
    return SSL_is_init_finished(session_.get()) ? socket_.error()
                                                : "during the TLS handshake: " + socket_.error();
  }
  const unsigned long error = ERR_peek_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return "TLS failed";
  switch (ERR_GET_REASON(error)) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "the server wants a client certificate";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return "the server at this port does not speak TLS";
    default:
      break;
  }
  const char* const reason = ERR_reason_error_string(error);
  return "TLS: " + std::string(reason == nullptr ? "an error without a name" : reason);
}

std::string TlsSession::WhyRefused(long verdict) const {
  std::string why = "the server's certificate was refused: ";
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return why + "it is not for '" + name_ + "'";
    default:
      return why + X509_verify_cert_error_string(verdict);
  }
}

}  // namespace sluice::redis
