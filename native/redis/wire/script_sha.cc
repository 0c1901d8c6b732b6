// The SHA-1 by which a server knows the script.
#include <openssl/evp.h>

#include <array>
#include <new>

#include "redis/script.h"

namespace sluice::redis {

std::string ScriptSha() {
  constexpr std::size_t kBytes = 20;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  const std::string_view text = ScriptText();
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1 ||
      size != kBytes) {
    throw std::bad_alloc();  // its only cause of failure
  }
  std::string sha;
  for (std::size_t i = 0; i < kBytes; ++i) {
    sha.push_back("0123456789abcdef"[digest[i] >> 4]);
    sha.push_back("0123456789abcdef"[digest[i] & 15]);
  }
  return sha;
}

}  // namespace sluice::redis
