// The cheapest native call with a key: reads the key as UTF-8, hashes it and returns a number. Its
// time is Node-API's; the rest of `checkSync` is ours.
#define NAPI_VERSION 8
#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace {

// Longer than any key of the workloads; a longer one is cut.
constexpr std::size_t kBufferBytes = 256;

// FNV-1a: a few instructions per byte, so that all bytes are read.
std::uint32_t HashBytes(const char* bytes, std::size_t size) {
  std::uint32_t hash = 2166136261U;
  for (std::size_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 16777619U;
  }
  return hash;
}

// readKey(key: string): number. Undefined for anything that is not a string.
napi_value ReadKey(napi_env env, napi_callback_info info) {
  std::size_t argc = 1;
  napi_value key = nullptr;
  std::array<char, kBufferBytes> buffer;
  std::size_t size = 0;
  napi_value result = nullptr;
  if (napi_get_cb_info(env, info, &argc, &key, nullptr, nullptr) != napi_ok ||
      napi_get_value_string_utf8(env, key, buffer.data(), buffer.size(), &size) != napi_ok ||
      napi_create_uint32(env, HashBytes(buffer.data(), size), &result) != napi_ok) {
    return nullptr;
  }
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  if (napi_create_function(env, "readKey", NAPI_AUTO_LENGTH, ReadKey, nullptr, &function) !=
          napi_ok ||
      napi_set_named_property(env, exports, "readKey", function) != napi_ok) {
    napi_throw_error(env, nullptr, "cannot export readKey");
  }
  return exports;
}
