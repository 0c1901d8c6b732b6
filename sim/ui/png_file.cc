// PNG with libpng: no filters and high compression, which keeps flat colours and text small.
#include "png_file.h"

#include <png.h>

#include <array>
#include <cerrno>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>

namespace sluice::sim {
namespace {

using Message = std::array<char, 128>;

[[noreturn]] void OnError(png_structp png, png_const_charp text) {
  auto& message = *static_cast<Message*>(png_get_error_ptr(png));
  std::snprintf(message.data(), message.size(), "%s", text);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

// libpng exits by longjmp, so nothing here may need a destructor.
bool Encode(std::FILE* file, const Image& image, Message& message) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &message, &OnError, &OnWarning);
  if (png == nullptr) return false;
  png_infop info = png_create_info_struct(png);
  if (info == nullptr || setjmp(png_jmpbuf(png)) != 0) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_init_io(png, file);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
  png_set_compression_level(png, 9);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int row = 0; row < image.height; ++row) {
    png_write_row(png, image.rgb.data() + static_cast<std::size_t>(row) *
                                              static_cast<std::size_t>(image.width) * 3);
  }
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return true;
}

}  // namespace

bool WritePng(const std::string& path, const Image& image, std::string& error) {
  const auto fail = [&](const char* reason) {
    error = path + ": " + reason;
    return false;
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             &std::fclose);
  if (file == nullptr) return fail(std::strerror(errno));
  Message message{"libpng does not start"};
  if (!Encode(file.get(), image, message)) return fail(message.data());
  if (std::fflush(file.get()) != 0) return fail(std::strerror(errno));
  return true;
}

}  // namespace sluice::sim
