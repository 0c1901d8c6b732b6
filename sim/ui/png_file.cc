// PNG by libpng.
#include "png_file.h"

#include <png.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace sluice::sim {

bool WritePng(const std::string& path, const Image& image, std::string& error) {
  const auto fail = [&](const char* reason) {
    error = path + ": " + reason;
    return false;
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             &std::fclose);
  if (file == nullptr) return fail(std::strerror(errno));

  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  if (png_image_write_to_stdio(&png, file.get(), 0, image.rgb.data(), 0, nullptr) == 0) {
    return fail(png.message);
  }
  if (std::fflush(file.get()) != 0) return fail(std::strerror(errno));
  return true;
}

}  // namespace sluice::sim
