// Escaping of keys.
#include "redis/keys.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace sluice::redis {
namespace {

constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_.~:@/+=,;|")) {
    plain[static_cast<unsigned char>(c)] = true;
  }
  return plain;
}();

void AppendHex(unsigned char byte, std::string_view digits, std::string& out) {
  out.push_back(digits[byte >> 4]);
  out.push_back(digits[byte & 15]);
}

void AppendEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain[byte]) {
      out.push_back(c);
    } else {
      out.push_back('%');
      AppendHex(byte, "0123456789ABCDEF", out);
    }
  }
}

}  // namespace

void AppendEscapedKey(std::string_view key, std::string& out) {
  if (key.empty()) {
    out.append("%-");
    return;
  }
  const std::size_t start = out.size();
  if (key.size() <= kLongestKey) AppendEscaped(key, out);
  if (key.size() > kLongestKey || out.size() - start > kLongestKey) {
    out.resize(start);
    AppendDigest(key, out.append("%h"));
  }
}

void AppendDigest(std::string_view text, std::string& out) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size());
  for (const unsigned char byte : std::span(digest).first<16>()) {
    AppendHex(byte, "0123456789abcdef", out);
  }
}

EscapedKey::EscapedKey(std::string_view key) {
  const auto is_plain = [](char c) { return kPlain[static_cast<unsigned char>(c)]; };
  std::string escaped;
  if (key.empty() || key.size() > kInPlace || !std::ranges::all_of(key, is_plain)) {
    AppendEscapedKey(key, escaped);
    if (escaped.size() > kInPlace) {
      longer_ = std::make_shared<const std::string>(std::move(escaped));
      return;
    }
    key = escaped;
  }
  std::ranges::copy(key, in_place_.begin());
  size_ = static_cast<std::uint8_t>(key.size());
}

void AppendEscapedPrefix(std::string_view prefix, std::string& out) { AppendEscaped(prefix, out); }

void AppendPolicyName(std::string_view prefix, std::string_view policy, std::string& out) {
  AppendEscapedPrefix(prefix, out);
  out.append(":policy:").append(policy);
}

void AppendMetaName(std::string_view prefix, std::string_view text, std::string& out) {
  AppendEscapedPrefix(prefix, out);
  AppendDigest(text, out.append(":meta:"));
}

}  // namespace sluice::redis
