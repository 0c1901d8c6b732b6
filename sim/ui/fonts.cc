// The font files that CMake found (SLUICE_FONT_*), embedded for ImGui.
#include "fonts.h"

#include <cmath>

// The assembler copies the file; a C array of half a million numbers would take the compiler long.
// NOLINTBEGIN(bugprone-macro-parentheses): pieces of one string literal
#define SLUICE_EMBED(symbol, file)                                                              \
  __asm__(".pushsection .rodata\n.hidden " #symbol "\n.global " #symbol "\n" #symbol            \
          ":\n.incbin \"" file "\"\n.hidden " #symbol "_end\n.global " #symbol "_end\n" #symbol \
          "_end:\n.byte 0\n.popsection\n");                                                     \
  extern "C" const unsigned char symbol[];                                                      \
  extern "C" const unsigned char symbol##_end[]
// NOLINTEND(bugprone-macro-parentheses)

SLUICE_EMBED(sluice_font_regular, SLUICE_FONT_REGULAR);
SLUICE_EMBED(sluice_font_medium, SLUICE_FONT_MEDIUM);

namespace sluice::sim {
namespace {

ImFont* Add(const unsigned char* begin, const unsigned char* end, float size) {
  // Latin-1 (with the multiplication sign and the micro sign), minus, less-or-equal.
  static constexpr ImWchar kGlyphs[] = {0x20, 0xFF, 0x2212, 0x2212, 0x2264, 0x2264, 0};
  ImFontConfig config;
  config.FontDataOwnedByAtlas = false;
  config.OversampleH = 3;
  config.OversampleV = 2;
  // ImGui only reads the bytes, although its parameter is not const.
  return ImGui::GetIO().Fonts->AddFontFromMemoryTTF(const_cast<unsigned char*>(begin),
                                                    static_cast<int>(end - begin), std::round(size),
                                                    &config, kGlyphs);
}

}  // namespace

Fonts LoadFonts(float scale) {
  const auto regular = [scale](float size) {
    return Add(sluice_font_regular, sluice_font_regular_end, size * scale);
  };
  const auto medium = [scale](float size) {
    return Add(sluice_font_medium, sluice_font_medium_end, size * scale);
  };
  return {.body = regular(17),
          .small = regular(15),
          .strong = medium(17),
          .heading = medium(25),
          .title = medium(28),
          .number = medium(44)};
}

}  // namespace sluice::sim
