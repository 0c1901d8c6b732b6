// Drawing with ImGui's draw list.
#include "pen.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstddef>

namespace sluice::sim {

void Pen::Text(ImFont* font, float x, float y, ImU32 colour, std::string_view text,
               Align align) const {
  if (align != Align::kLeft) {
    const float width = Width(font, text);
    x -= align == Align::kRight ? width : width / 2;
  }
  // Whole pixels: text between two pixels is blurred.
  list_->AddText(font, font->FontSize, {std::round(x), std::round(y)}, colour, text.data(),
                 text.data() + text.size());
}

float Pen::Width(const ImFont* font, std::string_view text) {
  return font->CalcTextSizeA(font->FontSize, FLT_MAX, 0, text.data(), text.data() + text.size()).x;
}

void Pen::AdmittedMark(float x, float y, float size, float opacity) const {
  list_->AddCircleFilled({x, y}, size, Faded(look_.palette.admitted, opacity));
}

void Pen::DeniedMark(float x, float y, float size, float opacity) const {
  const ImU32 colour = Faded(look_.palette.denied, opacity);
  const float width = std::max(size * 0.45F, 1.5F);
  list_->AddLine({x - size, y - size}, {x + size, y + size}, colour, width);
  list_->AddLine({x - size, y + size}, {x + size, y - size}, colour, width);
}

void Pen::Mark(bool admitted, float x, float y, float size, float opacity) const {
  if (admitted) {
    AdmittedMark(x, y, size, opacity);
  } else {
    DeniedMark(x, y, size, opacity);
  }
}

void Pen::Ring(float x, float y, float size, ImU32 colour) const {
  list_->AddCircle({x, y}, size, colour, 0, look_.Px(1.8F));
}

void Pen::Line(float x1, float y1, float x2, float y2, ImU32 colour, float width) const {
  list_->AddLine({x1, y1}, {x2, y2}, colour, look_.Px(width));
}

void Pen::Path(std::span<const ImVec2> points, ImU32 colour, float width) const {
  for (std::size_t i = 1; i < points.size(); ++i) {
    list_->AddLine(points[i - 1], points[i], colour, look_.Px(width));
  }
}

void Pen::DashedLine(float x1, float x2, float y, ImU32 colour) const {
  const float dash = look_.Px(6);
  for (float x = x1; x < x2; x += 2 * dash) Line(x, y, std::min(x + dash, x2), y, colour, 1.5F);
}

void Pen::Fill(const Rect& rect, ImU32 colour, float rounding) const {
  list_->AddRectFilled({rect.x, rect.y}, {rect.right(), rect.bottom()}, colour, rounding);
}

void Pen::Frame(const Rect& rect, ImU32 colour, float rounding) const {
  list_->AddRect({rect.x, rect.y}, {rect.right(), rect.bottom()}, colour, rounding, 0,
                 look_.Px(1.2F));
}

void Pen::ArrowDown(float x, float top, float bottom, float width, ImU32 colour) const {
  const float head = std::min(width, bottom - top);
  list_->AddRectFilled({x - width / 4, top}, {x + width / 4, bottom - head}, colour);
  list_->AddTriangleFilled({x - width / 2, bottom - head}, {x + width / 2, bottom - head},
                           {x, bottom}, colour);
}

}  // namespace sluice::sim
