// Drawing by hand: text, marks, lines, in the look of the window.
#pragma once

#include <span>
#include <string_view>

#include "fonts.h"
#include "imgui.h"
#include "layout.h"
#include "theme.h"

namespace sluice::sim {

/// The look of a panel: fonts, colours, scale. Lengths are in pixels at scale 1.
struct Look {
  Palette palette;
  Fonts fonts;
  float scale = 1;

  float Px(float length) const { return length * scale; }
};

enum class Align { kLeft, kCentre, kRight };

class Pen {
 public:
  Pen(ImDrawList* list, const Look& look) : list_(list), look_(look) {}

  /// Draws one line of text with its top at y; x is its left end, centre or right end.
  void Text(ImFont* font, float x, float y, ImU32 colour, std::string_view text,
            Align align = Align::kLeft) const;
  static float Width(const ImFont* font, std::string_view text);

  /// A filled circle for an admitted request. `size` is the radius.
  void AdmittedMark(float x, float y, float size, float opacity = 1) const;
  /// A cross for a denied request. `size` is half its width.
  void DeniedMark(float x, float y, float size, float opacity = 1) const;
  void Mark(bool admitted, float x, float y, float size, float opacity = 1) const;
  /// A ring around a mark.
  void Ring(float x, float y, float size, ImU32 colour) const;

  void Line(float x1, float y1, float x2, float y2, ImU32 colour, float width = 1) const;
  /// A polyline without mitred corners, which would stick out of a saw-tooth.
  void Path(std::span<const ImVec2> points, ImU32 colour, float width) const;
  void DashedLine(float x1, float x2, float y, ImU32 colour) const;
  void Fill(const Rect& rect, ImU32 colour, float rounding = 0) const;
  void Frame(const Rect& rect, ImU32 colour, float rounding = 0) const;
  /// A down arrow with its tip at (x, bottom).
  void ArrowDown(float x, float top, float bottom, float width, ImU32 colour) const;

  ImDrawList* list() const { return list_; }

 private:
  ImDrawList* list_;
  const Look& look_;
};

}  // namespace sluice::sim
